/**
 * The broker as a JVM of this machine, from the jars of `jars.ts`. Its working directory is the
 * data directory: `server.properties`, the log and the data lie there.
 */
import { dirname, join, resolve } from "node:path";
import { Failure } from "../../runtime/errors.ts";
import { findJava, IN_UTF8, kafkaClasspath } from "./jars.ts";
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

export interface RuntimeOptions {
  /** The broker's own directory: absolute, and it exists. */
  readonly directory: string;
  /** 1 is the first of the cluster's nodes. */
  readonly nodeId: number;
  readonly heapMb: number;
  readonly overrides: ServerSettings;
}

/** What runs the broker. */
export interface Runtime {
  /** Whether a process with this command line is a broker on this very directory. */
  isBroker(commandLine: string): boolean;
  /**
   * Starts the broker; its output goes to `logFile`. It is not ready yet when this returns.
   *
   * @param cluster where all nodes listen, and the id for a new directory
   */
  start(
    cluster: { nodes: readonly NodePorts[]; id: string },
    logFile: string,
  ): Promise<OwnedProcess>;
  /** Asks the broker to stop in order; does not wait for its end. */
  terminate(process: OwnedProcess): Promise<void>;
  /** Ends the broker at once. */
  kill(process: OwnedProcess): Promise<void>;
  /** The command of one of Kafka's tools. */
  tool(className: string, args: readonly string[]): string[];
  /** Deletes the data of a broker that does not run. */
  removeData(): Promise<void>;
}

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
      // Formatting takes a JVM: only where the directory has no cluster id yet.
      if (!await readClusterId(join(directory, LOG_DIRECTORY))) {
        const args = ["format", `--cluster-id=${id}`, "--config", properties];
        await format(directory, tool("kafka.tools.StorageTool", args));
      }
      return startOwned({
        command: jvm(await brokerOptions(heapMb, archive), "kafka.Kafka", [properties]),
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

async function format(directory: string, command: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run(command, { cwd: directory });
  if (code === 0) return;
  throw new Failure(
    `${directory} could not be formatted for Kafka (exit code ${code}):\n` +
      lastLines(stdout + stderr, 8),
  );
}

async function brokerOptions(heapMb: number, archive: ClassArchive): Promise<string[]> {
  return [
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
}

function logging(whose: "broker" | "tools"): string {
  return `-Dlog4j2.configurationFile=${join(DEPLOY, `log4j2-${whose}.properties`)}`;
}

/**
 * The JVM's class data sharing archive: Kafka's classes, loaded and checked once and mapped from then
 * on. It halves the start of the broker (2.9 s → 1.5 s on two cores). The first broker that stops in
 * order writes it in 3 s; it lies beside the jars, one for each version of Java. The JVM ignores an
 * archive that does not fit.
 */
interface ClassArchive {
  /** The options of a JVM that uses the archive; none when there is none yet. */
  use(): string[];
  /** The same for the broker, which writes the archive at its end when there is none yet. */
  useOrWrite(): Promise<string[]>;
  /** Puts what the broker wrote, if it did, where others find it. */
  publish(status: Deno.CommandStatus): Promise<void>;
}

/** Without it the JVM prints to stdout what it thinks of an archive; crashes are printed anyway. */
const QUIET = "-Xlog:disable";

/** The exit code of a JVM that was asked to end with SIGTERM. */
const STOPPED_IN_ORDER = 143;

/**
 * @param options.jarDirectory where it is kept
 * @param options.directory the broker's own directory
 */
function classArchive(options: {
  jarDirectory: string;
  javaVersion: string;
  directory: string;
}): ClassArchive {
  const { jarDirectory, javaVersion, directory } = options;
  const archive = join(jarDirectory, `java-${javaVersion}.jsa`);
  const written = join(directory, "classes.jsa");

  const use = () => exists(archive) ? [QUIET, `-XX:SharedArchiveFile=${archive}`] : [];
  return {
    use,

    async useOrWrite() {
      // An owner that was killed could not publish it.
      await Deno.remove(written).catch(() => {});
      const options = use();
      return options.length > 0 ? options : [QUIET, `-XX:ArchiveClassesAtExit=${written}`];
    },

    async publish(status) {
      if (!exists(written)) return;
      const temporary = `${archive}.${crypto.randomUUID()}`;
      try {
        // Ended in another way it may have written half an archive, or one of half the classes.
        if (status.code !== STOPPED_IN_ORDER) return;
        // The two directories may be on different disks: copy, then rename.
        await Deno.copyFile(written, temporary);
        await Deno.rename(temporary, archive);
      } catch {
        await Deno.remove(temporary).catch(() => {});
      } finally {
        await Deno.remove(written).catch(() => {});
      }
    },
  };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
