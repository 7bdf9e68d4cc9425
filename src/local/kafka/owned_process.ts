/**
 * A child process that does not outlive its owner, not even an owner that is killed with -9. It has a
 * session of its own: a Ctrl-C in the terminal reaches only the owner, which then stops things in order.
 *
 * How: the child's shell leaves a watcher behind before it becomes the command. The watcher reads from a
 * pipe that the owner holds. When the command has ended, the owner writes a line to the pipe; when the
 * pipe ends without one, the owner is dead, and the watcher ends the command.
 */
import { join } from "node:path";
import { Failure } from "../../runtime/errors.ts";
import { runScript } from "./shell.ts";

export interface OwnedProcess {
  /** The command's own process. */
  readonly pid: number;
  /** Resolves when it has ended; never rejects. */
  readonly exited: Promise<Deno.CommandStatus>;
  readonly running: boolean;
  /** Sends a signal; nothing happens when the process has ended. */
  signal(signal: Deno.Signal): void;
}

/** The default clean-up command: SIGTERM, and SIGKILL after 20 s. `$$` is the command's process. */
const TERMINATE = `
  kill -TERM $$
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 $$ 2>/dev/null || exit 0
    sleep 1
  done
  kill -KILL $$`;

/** $1 is the log file, $2 the watcher's clean-up command, and the rest is the command. */
const WRAPPER = `
  exec 3<&0 </dev/null >>"$1" 2>&1
  cleanup=$2
  shift 2
  { read -r _ <&3 || eval "$cleanup"; } &
  exec 3<&-
  exec "$@"`;

/**
 * Starts `command`, its name or path first.
 *
 * @param options.logFile where stdout and stderr are appended
 * @param options.cleanupCommand a line of shell that ends the command when its owner is dead (default: SIGTERM,
 * and SIGKILL after 20 s)
 * @param options.onExit runs before `exited` resolves; must not reject
 */
export function startOwned(options: {
  command: readonly string[];
  cwd: string;
  logFile: string;
  cleanupCommand?: string;
  onExit?: (status: Deno.CommandStatus) => Promise<void>;
}): OwnedProcess {
  const { command, cwd, logFile, cleanupCommand = TERMINATE, onExit } = options;
  const child = new Deno.Command("sh", {
    args: ["-c", WRAPPER, "sh", logFile, cleanupCommand, ...command],
    cwd,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();

  let running = true;
  const exited = child.status.then(async (status) => {
    running = false;
    await dismissWatcher(child.stdin);
    await onExit?.(status);
    return status;
  });
  return {
    pid: child.pid,
    exited,
    get running() {
      return running;
    },
    signal(signal) {
      if (!running) return;
      try {
        child.kill(signal);
      } catch { /* it has just ended */ }
    },
  };
}

async function dismissWatcher(stdin: WritableStream<Uint8Array>): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode("\n"));
    await writer.close();
  } catch { /* there is no watcher any more */ }
}

// Orphan processes: brokers that a killed owner may have left running on a data directory. The process
// id is written to the directory. The system reuses ids, so a process is touched only when its command
// line is that of our broker on this very directory.

const FILE = "broker.pid";
const STOP_LIMIT_MS = 20_000;
const POLL_MS = 100;

/** Prints the parent's id and the command line: on Linux from /proc, on macOS with `ps`. */
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
export async function stopOrphan(
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
      `a broker is already running on ${directory} (process ${pid}, started by process ${owner}): ` +
        `stop it first, or choose another directory`,
    );
  }
  onNotice(
    `stopping the orphan broker that a killed process left on ${directory} (process ${pid})`,
  );
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
