/** Runs other programs: docker, kind, kubectl, helm. */
import { Failure } from "../runtime/errors.ts";

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads on its standard input (default: nothing). */
  readonly stdin?: string;
  /** Passes its output on to ours, for a person to watch, instead of returning it. */
  readonly show?: boolean;
}

export interface CommandResult {
  /** 127: there is no such command. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that may fail. */
export async function attempt(
  [name, ...args]: readonly [string, ...string[]],
  { env, stdin, show = false }: CommandOptions = {},
): Promise<CommandResult> {
  const output = show ? "inherit" : "piped";
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(name, {
      args,
      env,
      stdin: stdin === undefined ? "null" : "piped",
      stdout: output,
      stderr: output,
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { code: 127, stdout: "", stderr: "" };
    throw error;
  }
  const fed = stdin === undefined
    ? undefined
    : new Blob([stdin]).stream().pipeTo(child.stdin).catch(() => {/* its exit code says more */});
  if (show) return { code: (await child.status).code, stdout: "", stderr: "" };
  const { code, stdout, stderr } = await child.output();
  await fed;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * Runs a command that must succeed.
 *
 * @returns what it printed on stdout
 * @throws {Failure} with the command and its last lines
 */
export async function run(
  command: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await attempt(command, options);
  if (code === 0) return stdout;
  const lastLines = (stdout + stderr).trimEnd().split("\n").slice(-15).join("\n");
  throw new Failure(`${command.join(" ")}\nended with ${code}${lastLines && `:\n${lastLines}`}`);
}
