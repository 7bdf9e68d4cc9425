/**
 * The broker as a JVM of this machine, from the jars of `jars.ts`. Its working directory is the
 * data directory: `server.properties`, the log and the data lie there.
 */
import { dirname, join, resolve } from "node:path";
import { Failure } from "../../runtime/errors.ts";
import { findJava, IN_UTF8, kafkaClasspath } from "./jars.ts";
import { classArchive } from "./class_archive.ts";
import {
  type NodePorts,
  readClusterId,
  type ServerSettings,
  serverSettings,
  toProperties,
} from "./server_settings.ts";
import { type OwnedProcess, startOwned } from "./owned_process.ts";
import { LOOPBACK } from "./ports.ts";
import { lastLines, run } from "./shell.ts";

const DEPLOY = resolve(import.meta.dirname!, "../../../deploy/local");

/** Relative to the data directory: a path in this setting must not have a comma. */
export const LOG_DIRECTORY = "log";

/** ProducerPerformance and its like buffer 32 MB and more. */
const TOOL_HEAP_MB = 512;

/** @throws {MissingTool} Java or Maven is missing */
export async function javaRuntime(
  { directory, nodeId, heapMb, overrides }: RuntimeOptions,
  onNotice: (line: string) => void,
): Promise<Runtime> {
  const java = await findJava();
  const classpath = await kafkaClasspath({ onProgress: onNotice });
  const properties = join(directory, "server.properties");
  const archive = classArchive({
    jarDirectory: dirname(classpath),
    javaVersion: java.version,
    directory,
  });

  const jvm = (options: string[], className: string, args: readonly string[]) => [
    ...IN_UTF8,
    java.command,
    ...options,
    "-Djava.awt.headless=true",
    "-cp",
    classpath,
    className,
    ...args,
  ];

  const tool = (className: string, args: readonly string[]) =>
    jvm([`-Xmx${TOOL_HEAP_MB}m`, ...archive.use(), logging("tools")], className, args);

  /** Gives an empty directory its cluster id; that takes a JVM, so only where it is needed. */
  async function formatOnce(clusterId: string): Promise<void> {
    if (await readClusterId(join(directory, LOG_DIRECTORY))) return;
    const args = ["format", `--cluster-id=${clusterId}`, "--config", properties];
    const command = tool("kafka.tools.StorageTool", args);
    const { code, stdout, stderr } = await run(command, { cwd: directory });
    if (code !== 0) {
      throw new Failure(
        `${directory} could not be formatted for Kafka (exit code ${code}):\n` +
          lastLines(stdout + stderr, 8),
      );
    }
  }

  return {
    isBroker: (commandLine) => commandLine.endsWith(` kafka.Kafka ${properties}`),

    async start({ nodes, id }, logFile) {
      const settings = serverSettings({
        nodeId,
        nodes,
        listenAddress: LOOPBACK,
        logDirectory: LOG_DIRECTORY,
        overrides,
      });
      await Deno.writeTextFile(properties, toProperties(settings));
      await formatOnce(id);
      const options = [
        `-Xms${Math.min(heapMb, 256)}m`,
        `-Xmx${heapMb}m`,
        "-XX:+UseG1GC",
        // The second compiler pays off after hours. In a run of a minute it takes a third of the broker's
        // time: 120 instead of 70 µs an order.
        "-XX:TieredStopAtLevel=1",

        // A broker out of memory would limp on; one that ends is noticed.
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:ErrorFile=jvm_crash.log",
        ...await archive.useOrWrite(),
        logging("broker"),
      ];
      return startOwned({
        command: jvm(options, "kafka.Kafka", [properties]),
        cwd: directory,
        logFile,
        onExit: archive.publish,
      });
    },

    terminate(process) {
      process.signal("SIGTERM");
      return Promise.resolve();
    },

    kill(process) {
      process.signal("SIGKILL");
      return Promise.resolve();
    },

    tool,

    async removeData() {
      await Deno.remove(directory, { recursive: true });
    },
  };
}

function logging(whose: "broker" | "tools"): string {
  return `-Dlog4j2.configurationFile=${join(DEPLOY, `log4j2-${whose}.properties`)}`;
}

/** What runs the broker: a JVM of this machine, or a container. The broker does not know which. */

export interface RuntimeOptions {
  /** The broker's own directory; absolute, and there. */
  readonly directory: string;
  /** 1 is the first of the cluster's nodes. */
  readonly nodeId: number;
  readonly heapMb: number;
  readonly overrides: ServerSettings;
}

export interface Runtime {
  /** Whether a process with this command line is a broker on this very directory. */
  isBroker(commandLine: string): boolean;
  /**
   * Starts the broker; what it prints goes to `logFile`. It is not ready yet when this returns.
   *
   * @param cluster where all nodes listen, and the id of a directory that is new
   */
  start(
    cluster: { nodes: readonly NodePorts[]; id: string },
    logFile: string,
  ): Promise<OwnedProcess>;
  /** Asks the broker to stop in order; does not wait. */
  terminate(process: OwnedProcess): Promise<void>;
  /** Ends the broker at once. */
  kill(process: OwnedProcess): Promise<void>;
  /** The command of one of Kafka's tools. */
  tool(className: string, args: readonly string[]): string[];
  /** Deletes the data; the broker does not run. */
  removeData(): Promise<void>;
}
