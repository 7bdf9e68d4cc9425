/**
 * What an owner that was killed may have left running on a data directory. The process id is written
 * to the directory; an id alone proves nothing, because the system gives it to others later, so a
 * process is touched only when its command line is that of our broker on this very directory.
 */
import { join } from "node:path";
import { Failure } from "../../runtime/program.ts";
import { runScript } from "./shell.ts";

const FILE = "broker.pid";
const STOP_LIMIT_MS = 20_000;
const POLL_MS = 100;

/** Prints the parent's id and the command line; Linux without and macOS with the help of `ps`. */
const DESCRIBE = `
  if [ -r "/proc/$1/cmdline" ]; then
    sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" && tr '\\0' ' ' < "/proc/$1/cmdline"
  else
    ps -ww -o ppid= -o args= -p "$1"
  fi`;

/** Notes that `pid` runs on `directory` and belongs to this process. */
export async function recordRunning(directory: string, pid: number): Promise<void> {
  await Deno.writeTextFile(join(directory, FILE), `${pid} ${Deno.pid}\n`);
}

/**
 * Stops a broker on `directory` whose owner is dead.
 *
 * @param isBroker whether a process with this command line is a broker on this very directory
 * @throws {Failure} the owner is alive: two brokers cannot share a directory
 */
export async function stopLeftover(
  directory: string,
  isBroker: (commandLine: string) => boolean,
  onNotice: (line: string) => void,
): Promise<void> {
  const [pid, owner] = await readRecord(directory);
  if (pid === undefined) return;
  const find = async () => {
    const found = await describe(pid);
    return found && isBroker(found.commandLine) ? found : undefined;
  };
  const found = await find();
  if (!found) return;
  // A process whose parent dies gets another parent.
  if (found.parent === owner) {
    throw new Failure(
      `a broker runs on ${directory} already (process ${pid}, started by process ${owner}): ` +
        `stop it first, or choose another directory`,
    );
  }
  onNotice(`stopping the broker that a killed process left on ${directory} (process ${pid})`);
  await runScript('kill -TERM "$1"', [pid]);
  const deadline = performance.now() + STOP_LIMIT_MS;
  while (await find()) {
    if (performance.now() > deadline) await runScript('kill -KILL "$1"', [pid]);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function readRecord(directory: string): Promise<string[]> {
  try {
    const text = await Deno.readTextFile(join(directory, FILE));
    return /^(\d+) (\d+)$/.exec(text.trim())?.slice(1) ?? [];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function describe(
  pid: string,
): Promise<{ parent: string; commandLine: string } | undefined> {
  const { stdout } = await runScript(DESCRIBE, [pid]);
  const [, parent, commandLine] = /^\s*(\d+)\s+(.*)$/s.exec(stdout) ?? [];
  if (parent === undefined || commandLine === undefined) return undefined;
  return { parent, commandLine: commandLine.trimEnd() };
}
