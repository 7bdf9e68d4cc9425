/** Starts again what ended without being asked to, unless it will not get well by itself. */
import { Failure } from "../runtime/errors.ts";
import { pause, settlesWithin } from "../runtime/shutdown.ts";
import type { Broker } from "./kafka/broker.ts";
import type { Cluster } from "./kafka/cluster.ts";

export interface Supervised {
  /** What notices call it. */
  readonly name: string;
  /** Resolves when its present run has ended; never rejects. */
  ended(): Promise<Deno.CommandStatus>;
  /**
   * @returns its process
   * @throws {Failure} it did not start, which counts as a short life
   */
  start(): Promise<number> | number;
  /** Whether an end is wanted. */
  stopping(): boolean;
}

/** One that dies this often within a short life each time will not get well by itself. */
export const MAX_SHORT_LIVES = 5;
const SHORT_LIFE_MS = 5_000;
const NODE_RESTART_PAUSE_MS = 3_000;

/**
 * Resolves when an end is wanted, or when it died too often.
 *
 * @param options.pauseMs how long it stays away
 * @param options.onNotice told in one line: died, started again
 */
export async function supervise(
  { name, ended, start, stopping }: Supervised,
  options: { pauseMs: number; onNotice: (line: string) => void },
): Promise<void> {
  const { pauseMs, onNotice } = options;
  for (let shortLives = 0; shortLives < MAX_SHORT_LIVES;) {
    const startedAt = performance.now();
    const status = await ended();
    if (stopping()) return;
    const how = status.signal ? `was ended by ${status.signal}` : `exited with ${status.code}`;
    onNotice(`${name} ${how}; starting it again`);
    shortLives = performance.now() - startedAt < SHORT_LIFE_MS ? shortLives + 1 : 0;
    await pause(pauseMs);
    if (stopping()) return;
    try {
      onNotice(`${name} started, process ${await start()}`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      onNotice(`${name}: ${error.message}`);
    }
  }
}

/**
 * Starts each of several nodes again some seconds after its end, so that one can watch another lead;
 * until `signal` aborts.
 *
 * @throws {Failure} a lone node ended, or one of several keeps ending right after its start
 */
export async function superviseNodes(
  { nodes }: Cluster,
  { signal, onNotice }: { signal: AbortSignal; onNotice: (line: string) => void },
): Promise<void> {
  await Promise.all(nodes.map(async (node) => {
    if (nodes.length === 1) {
      const { code } = await node.exited;
      if (signal.aborted) return;
      throw await lastWords(node, `Kafka ended by itself (exit code ${code})`);
    }
    const name = `node ${node.nodeId}`;
    await supervise({
      name,
      ended: () => node.exited,
      async start() {
        await node.start();
        return node.pid;
      },
      stopping: () => signal.aborted,
    }, { pauseMs: NODE_RESTART_PAUSE_MS, onNotice });
    if (signal.aborted) return;
    throw await lastWords(node, `${name} ended ${MAX_SHORT_LIVES} times right after its start`);
  }));
}

async function lastWords(node: Broker, what: string): Promise<Failure> {
  return new Failure(`${what}; the last lines of its log:\n${await node.lastLogLines()}`);
}

/**
 * A task of deno.json as a child process: the same command, and so the same permissions, that a
 * person gets who types `deno task validator`. deno.json is the one place where they are written.
 */

/** The project's folder, where deno.json is. */
export const PROJECT = new URL("../../", import.meta.url);

/**
 * The arguments of `deno` for a task.
 *
 * @throws when deno.json has no such task, or one that is not a plain `deno run …`
 */
export function argumentsOf(task: string): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", PROJECT)));
  const command: unknown = tasks[task]?.command ?? tasks[task];
  if (typeof command !== "string" || !command.startsWith("deno run ")) {
    throw new TypeError(`deno.json has no task "${task}" of the form "deno run …"`);
  }
  return command.split(/\s+/).slice(1);
}

export interface TaskProcess {
  /** Such as `validator-2`. */
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly status: Promise<Deno.CommandStatus>;
  /** What it prints on stdout, when `stdout` is "piped". */
  readonly lines: AsyncIterable<string>;
  readonly running: boolean;
  signal(signal: Deno.Signal): void;
  /** Asks it to stop; after `limitMs` it is killed. Resolves when it has ended. */
  stop(limitMs: number): Promise<Deno.CommandStatus>;
}

/**
 * Starts a task.
 *
 * @param options.logFile where stderr is appended
 * @param options.stdout "piped" to read it as `lines`; otherwise it goes to the log, too
 */
export function startTask(options: {
  task: string;
  name: string;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  logFile: string;
  stdout?: "piped" | "log";
}): TaskProcess {
  const { task, name, args = [], env = {}, logFile, stdout = "log" } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf(task), ...args],
    cwd: PROJECT,
    env: { ...env, STOP_WITH_STDIN: "true", NO_COLOR: "1" },
    // Held open for as long as we live: its end tells the child that we are gone.
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

  const log = Deno.openSync(logFile, { create: true, append: true });
  let writers = stdout === "log" ? 2 : 1;
  const copyToLog = async (stream: ReadableStream<Uint8Array>) => {
    try {
      for await (const chunk of stream) await writeAll(log, chunk);
    } finally {
      if (--writers === 0) log.close();
    }
  };
  void copyToLog(child.stderr);
  if (stdout === "log") void copyToLog(child.stdout);

  let running = true;
  const status = child.status.finally(async () => {
    running = false;
    await child.stdin.close().catch(() => {});
  });
  const signal = (name: Deno.Signal) => {
    // It may have ended in the meantime: then there is nobody to tell.
    try {
      if (running) child.kill(name);
    } catch { /* gone */ }
  };
  return {
    name,
    pid: child.pid,
    status,
    lines: stdout === "piped" ? toLines(child.stdout) : noLines(),
    get running() {
      return running;
    },
    signal,
    async stop(limitMs) {
      signal("SIGTERM");
      if (!await settlesWithin(status, limitMs)) signal("SIGKILL");
      return await status;
    },
  };
}

async function writeAll(file: Deno.FsFile, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += await file.write(chunk.subarray(written));
  }
}

async function* toLines(stream: ReadableStream<BufferSource>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest) yield rest;
}

async function* noLines(): AsyncGenerator<string> {}
