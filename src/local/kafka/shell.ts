/**
 * Runs a command to its end. All commands of the embedded Kafka go through `sh`, so that a process
 * needs the right to run `sh` and nothing else, wherever Java is installed.
 */

export interface Result {
  /** 127: the command was not found. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** The command's standard input (default: none). */
  readonly stdin?: string;
  /** Ends the command with SIGTERM when it aborts. */
  readonly signal?: AbortSignal;
}

/** Runs `command`, its name or path first, and returns what it printed. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Result> {
  return runScript('exec "$@"', command, options);
}

/** Runs a shell script; `$1`, `$2`, … are `args`. */
export async function runScript(
  script: string,
  args: readonly string[],
  { cwd, stdin, signal }: RunOptions = {},
): Promise<Result> {
  const child = new Deno.Command("sh", {
    args: ["-c", script, "sh", ...args],
    cwd,
    signal,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const fed = stdin === undefined ? undefined : feed(child.stdin, stdin);
  const { code, stdout, stderr } = await child.output();
  await fed;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function feed(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    /* it ended before it had read everything: its exit code says whether that is a failure */
  }
}

/**
 * The last lines of what a command printed or a log holds, for an error message; without Java's stack
 * frames, which would crowd out what happened.
 */
export function lastLines(text: string, count: number): string {
  const lines = text.trimEnd().split("\n").filter((line) => !/^\s+at /.test(line));
  return lines.slice(-count).join("\n") || "(nothing)";
}
