/** Runs the commands of others: docker, kind, kubectl, helm. */
import { Failure } from "../runtime/errors.ts";
import { pause } from "../runtime/shutdown.ts";
import type { Cluster, Pod } from "./cluster.ts";

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads on its standard input; nothing unless said. */
  readonly stdin?: string;
  /** Its output goes to ours, for a person to watch, and is not returned. */
  readonly show?: boolean;
}

export interface CommandResult {
  /** 127: there is no such command. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, whatever that is. */
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
  const said = (stdout + stderr).trimEnd().split("\n").slice(-15).join("\n");
  throw new Failure(`${command.join(" ")}\nended with ${code}${said && `:\n${said}`}`);
}

/** Says now and then what a long wait is for: the pods that are not ready. */

const EVERY_MS = 5_000;

function isReady({ status: { phase, conditions = [] } }: Pod): boolean {
  return phase === "Succeeded" ||
    conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** Waits for `work`; meanwhile prints a line whenever what is waited for changes. */
export async function whileWaiting<T>(cluster: Cluster, work: Promise<T>): Promise<void> {
  const stop = new AbortController();
  const done = work.finally(() => stop.abort());
  // Its failure is the caller's, below.
  done.catch(() => {});
  let last = "";
  while (!stop.signal.aborted) {
    await pause(EVERY_MS, stop.signal);
    if (stop.signal.aborted) break;
    const pods = await cluster.pods("").catch(() => []);
    const missing = pods.filter((pod) => !isReady(pod)).map(({ metadata }) => metadata.name);
    const line = `  ${pods.length - missing.length} of ${pods.length} pods ready` +
      (missing.length > 0 ? `; not yet: ${missing.join(", ")}` : "");
    if (line !== last) console.log(line);
    last = line;
  }
  await done;
}
