/**
 * A task of deno.json as a child process: the same command, and so the same permissions, as when you
 * type `deno task validator`. deno.json is the one place where they are written.
 */
import { fileURLToPath } from "node:url";
import { writableFolder } from "./kafka/folders.ts";
import { settlesWithin } from "../runtime/shutdown.ts";
import { lastLines } from "./kafka/shell.ts";

/** This project's folder, where deno.json is. */
export const PROJECT = new URL("../../", import.meta.url);

/**
 * The arguments of `deno` for a task.
 *
 * @param project the folder of the deno.json
 * @throws when deno.json has no such task, or one that is not a plain `deno run …`
 */
export function argumentsOf(task: string, project = PROJECT): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", project)));
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
 * @param options.project whose task it is (default: this project's)
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
  project?: URL;
}): TaskProcess {
  const { task, name, args = [], env = {}, logFile, stdout = "log", project } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf(task, project), ...args],
    cwd: project ?? PROJECT,
    env: { ...resource(task, name), ...env, STOP_WITH_STDIN: "true", NO_COLOR: "1" },
    // Open for as long as this process lives: the end of the pipe stops the child.
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
    try {
      if (running) child.kill(name);
    } catch { /* it has just ended */ }
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

/** What its traces say of the process, beside what this process was told of all of them. */
function resource(task: string, name: string): Record<string, string> {
  const common = Deno.env.get("OTEL_RESOURCE_ATTRIBUTES");
  const own = `service.instance.id=${name}`;
  return {
    OTEL_SERVICE_NAME: task,
    OTEL_RESOURCE_ATTRIBUTES: common ? `${common},${own}` : own,
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

/**
 * Runs `deno task dashboard:bundle`, which makes the dashboard's page ready to be served. Takes about a
 * second; the first time, it fetches the bundler from npm.
 *
 * @returns undefined, or why there is no page
 */
export async function bundlePage(): Promise<string | undefined> {
  try {
    await writableFolder(fileURLToPath(new URL("dist/dashboard", PROJECT)), "the dashboard's page");
  } catch (error) {
    return (error as Error).message;
  }
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "dashboard:bundle"],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  // Deno prints a backtrace without symbols after its message.
  const [message = ""] = new TextDecoder().decode(stderr).split("\nStack backtrace:");
  return success ? undefined : lastLines(message, 3);
}
