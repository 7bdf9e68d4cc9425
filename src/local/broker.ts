/**
 * The embedded Kafka: a real broker, one KRaft node on the loopback interface, with data in a
 * directory of its own. In: where, on which port. Out: a broker that answers, and the means to stop,
 * kill and start it again on the same port and data, and to run Kafka's own tools.
 *
 * It ends when this process does, however that ends, and not before: see `kafka/owned_process.ts`.
 */
import { join, resolve } from "node:path";
import { Failure } from "../runtime/program.ts";
import { settlesWithin } from "../runtime/stop.ts";
import { chooseRuntime } from "./kafka/choose_runtime.ts";
import { recordRunning, stopLeftover } from "./kafka/leftover.ts";
import type { OwnedProcess } from "./kafka/owned_process.ts";
import { freePort, isFree, LOOPBACK } from "./kafka/ports.ts";
import type { Runtime } from "./kafka/runtime.ts";
import type { ServerSettings } from "./kafka/server_settings.ts";
import { lastLines, run, type RunOptions } from "./kafka/shell.ts";

export interface BrokerOptions {
  /** The data's own directory; made when it is not there. */
  readonly directory: string;
  /** 0 is any free port. */
  readonly port: number;
  /** When the port is taken: `exact` fails, `prefer` takes another and says so. `exact` unless said. */
  readonly portPolicy?: "exact" | "prefer";
  /** The most that the JVM's heap grows to; 512 unless said. */
  readonly heapMb?: number;
  /** Settings of the server that are added, or that replace those of `kafka/server_settings.ts`. */
  readonly overrides?: ServerSettings;
  /** Told in one line what a person wants to know: another port, something to wait for. */
  readonly onNotice?: (line: string) => void;
}

export interface Broker {
  /** `127.0.0.1:PORT`. */
  readonly bootstrap: string;
  readonly port: number;
  readonly directory: string;
  /** The process of the present run; after `start` another one. */
  readonly pid: number;
  /** Resolves when the present run has ended, whoever ended it; never rejects. */
  readonly exited: Promise<Deno.CommandStatus>;
  readonly running: boolean;
  /** Stops in order; kills after `limitMs` (20,000 unless said). Resolves when it has ended. */
  stop(limitMs?: number): Promise<void>;
  /** Ends it with SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /**
   * Starts it again after its end, on the same port and data; resolves when it answers.
   *
   * @throws {Failure} it runs, the port was taken in the meantime, or it does not start
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

export const DEFAULT_HEAP_MB = 512;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
const POLL_MS = 25;
/** Kafka's own word for: all listeners take requests. */
const READY = "Kafka Server started";

/**
 * Starts a broker; resolves when it answers.
 *
 * @throws {Failure} nothing is there to run it with, the port is taken, another one runs on the
 * directory, or it does not start within 60 s
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { portPolicy = "exact", heapMb = DEFAULT_HEAP_MB, overrides = {} } = options;
  const onNotice = options.onNotice ?? (() => {});
  await Deno.mkdir(resolve(options.directory), { recursive: true });
  const directory = await Deno.realPath(resolve(options.directory));
  const logFile = join(directory, "broker.log");

  const runtime = await chooseRuntime({ directory, heapMb, overrides }, onNotice);
  await stopLeftover(directory, runtime.isBroker, onNotice);
  const port = await choosePort(options.port, portPolicy, onNotice);
  let process = await launch(runtime, { directory, logFile, port });

  async function kill(): Promise<void> {
    if (process.running) await runtime.kill(process);
    await process.exited;
  }

  async function stop(limitMs = STOP_LIMIT_MS): Promise<void> {
    if (process.running) await runtime.terminate(process);
    if (!await settlesWithin(process.exited, limitMs)) await kill();
  }

  return {
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
      if (process.running) throw new Failure(`the broker on ${directory} runs already`);
      await choosePort(port, "exact", onNotice);
      process = await launch(runtime, { directory, logFile, port });
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

async function choosePort(
  port: number,
  policy: "exact" | "prefer",
  onNotice: (line: string) => void,
): Promise<number> {
  if (port !== 0) {
    if (await isFree(port)) return port;
    if (policy === "exact") {
      throw new Failure(
        `port ${port} is taken: stop what listens there (another broker?), or set another port, ` +
          `such as KAFKA_BROKERS=${LOOPBACK}:${await freePort()}`,
      );
    }
  }
  const free = await freePort();
  if (port !== 0) onNotice(`port ${port} is taken; using ${free} instead`);
  return free;
}

/** Starts a process and waits until it answers. */
async function launch(
  runtime: Runtime,
  { directory, logFile, port }: { directory: string; logFile: string; port: number },
): Promise<OwnedProcess> {
  // Of the last run there is one log left, as the log's own configuration has it.
  await Deno.rename(logFile, `${logFile}.1`).catch(() => {});
  await Deno.writeTextFile(logFile, "");
  const process = await runtime.start(port, logFile);
  await recordRunning(directory, process.pid);

  const deadline = performance.now() + START_LIMIT_MS;
  while (!(await readLog(logFile)).includes(READY)) {
    const late = performance.now() > deadline;
    if (late) await runtime.kill(process);
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
  return process;
}

async function readLog(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
