/**
 * One node of the embedded Kafka: a real broker and controller on the loopback interface, with data in
 * a directory of its own. It can be stopped, killed and started again on the same ports and data.
 * `cluster.ts` says how many there are, and where.
 *
 * It ends when this process does, however that ends, and not before: see owned_process.ts.
 */
import { join, resolve } from "node:path";
import { writableFolder } from "./folders.ts";
import { Failure } from "../../runtime/errors.ts";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { javaRuntime, type Runtime } from "./java_runtime.ts";
import { type OwnedProcess, recordRunning, stopOrphan } from "./owned_process.ts";
import { checkFree, LOOPBACK } from "./ports.ts";
import type { NodePorts, ServerSettings } from "./server_settings.ts";
import { lastLines, run, type RunOptions } from "./shell.ts";

interface NodeOptions {
  /** The data's own directory; made when it is not there. */
  readonly directory: string;
  /** 1 is the first of the cluster's nodes. */
  readonly nodeId: number;
  /** The most that the JVM's heap grows to. */
  readonly heapMb: number;
  readonly overrides: ServerSettings;
  readonly onNotice: (line: string) => void;
}

/** A cluster as each of its nodes has to know it. */
export interface ClusterPlace {
  readonly nodes: readonly NodePorts[];
  readonly id: string;
}

export interface Broker {
  /** Its id in the cluster; 1 is the first. */
  readonly nodeId: number;
  /** `127.0.0.1:PORT`. */
  readonly bootstrap: string;
  readonly port: number;
  readonly directory: string;
  /** The process of the present run; after `start` another one. */
  readonly pid: number;
  /** Resolves when the present run has ended, for whatever reason; never rejects. */
  readonly exited: Promise<Deno.CommandStatus>;
  readonly running: boolean;
  /** Stops in order; kills after `limitMs` (default: 20,000). Resolves when it has ended. */
  stop(limitMs?: number): Promise<void>;
  /** Ends it with SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /**
   * Starts it again after its end, on the same port and data; resolves when it answers.
   *
   * @throws {Failure} it runs already, the port has been taken meanwhile, or it does not start
   */
  start(): Promise<void>;
  /**
   * Runs one of Kafka's tools to its end, such as `org.apache.kafka.tools.TopicCommand`. Tools that
   * talk to the broker want its address among `args`.
   *
   * @returns what it printed on stdout
   * @throws {Failure} its exit code is not 0; the message has the last lines that it printed
   */
  runTool(
    className: string,
    args: readonly string[],
    options?: Pick<RunOptions, "stdin" | "signal">,
  ): Promise<string>;
  /** The last lines of its log. */
  lastLogLines(count?: number): Promise<string>;
  /** Stops it and deletes its directory. */
  remove(): Promise<void>;
}

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
const POLL_MS = 25;
/** Kafka's own word for: all listeners take requests, and the controller has unfenced the broker. */
const READY = "Kafka Server started";

/**
 * Prepares a node: finds what can run it, and stops the orphan of a killed owner on its directory.
 *
 * @returns starts it; resolves when it answers, which takes more than half of the cluster's nodes; ends
 * it and rejects when the signal aborts meanwhile
 * @throws {Failure} Java or Maven is missing, or another broker runs on the directory
 */
export async function prepareNode(
  { nodeId, heapMb, overrides, onNotice, ...options }: NodeOptions,
): Promise<(cluster: ClusterPlace, signal: AbortSignal) => Promise<Broker>> {
  await writableFolder(options.directory);
  const directory = await Deno.realPath(resolve(options.directory));
  const logFile = join(directory, "broker.log");
  const runtime = await javaRuntime({ directory, nodeId, heapMb, overrides }, onNotice);
  await stopOrphan(directory, runtime.isBroker, onNotice);

  const node = { nodeId, directory, logFile, runtime };
  return (cluster, signal) => startNode(node, cluster, signal);
}

/** A node that can be started. */
interface PreparedNode {
  readonly nodeId: number;
  readonly directory: string;
  readonly logFile: string;
  readonly runtime: Runtime;
}

async function startNode(
  { nodeId, directory, logFile, runtime }: PreparedNode,
  cluster: ClusterPlace,
  signal: AbortSignal,
): Promise<Broker> {
  const port = cluster.nodes[nodeId - 1]!.client;
  const launch = async (signal?: AbortSignal) => {
    // The log of the previous run is kept, as in the log's own configuration.
    await Deno.rename(logFile, `${logFile}.1`).catch(() => {});
    await Deno.writeTextFile(logFile, "");
    const process = await runtime.start(cluster, logFile);
    await recordRunning(directory, process.pid);
    await ready(process, logFile, () => runtime.kill(process), signal);
    return process;
  };
  let process = await launch(signal);

  async function kill(): Promise<void> {
    if (process.running) await runtime.kill(process);
    await process.exited;
  }

  async function stop(limitMs = STOP_LIMIT_MS): Promise<void> {
    if (process.running) await runtime.terminate(process);
    if (!await settlesWithin(process.exited, limitMs)) await kill();
  }

  return {
    nodeId,
    bootstrap: `${LOOPBACK}:${port}`,
    port,
    directory,
    get pid() {
      return process.pid;
    },
    get exited() {
      return process.exited;
    },
    get running() {
      return process.running;
    },
    kill,
    stop,

    async start() {
      if (process.running) throw new Failure(`the broker on ${directory} is already running`);
      await checkFree(port);
      process = await launch();
    },

    async runTool(className, args, options) {
      const { code, stdout, stderr } = await run(runtime.tool(className, args), options);
      if (code === 0) return stdout;
      throw new Failure(
        `${className} ended with exit code ${code}:\n${lastLines(stdout + stderr, 20)}`,
      );
    },

    async lastLogLines(count = 20) {
      return lastLines(await readLog(logFile), count);
    },

    async remove() {
      await stop();
      await runtime.removeData();
    },
  };
}

/** Waits until a process that was started answers. */
async function ready(
  process: OwnedProcess,
  logFile: string,
  kill: () => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (!(await readLog(logFile)).includes(READY)) {
    const late = performance.now() > deadline || signal?.aborted === true;
    if (late) await kill();
    if (late || !process.running) {
      const { code } = await process.exited;
      const what = late
        ? `did not start within ${START_LIMIT_MS / 1_000} s`
        : `ended while it started (exit code ${code})`;
      throw new Failure(
        `Kafka ${what}; the last lines of ${logFile}:\n${lastLines(await readLog(logFile), 20)}`,
      );
    }
    await settlesWithin(process.exited, POLL_MS);
  }
}

async function readLog(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
