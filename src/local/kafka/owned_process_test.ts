import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { recordRunning, startOwned, stopOrphan } from "./owned_process.ts";
import { runScript } from "./shell.ts";
import { until } from "../../runtime/until.ts";
import { groupSize, isAlive } from "../testing/processes.ts";
import { Failure } from "../../runtime/errors.ts";

async function withDirectory(test: (cwd: string, logFile: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory, join(directory, "log"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("startOwned: output goes to the log, the exit code to `exited`, and no watcher stays", () =>
  withDirectory(async (cwd, logFile) => {
    const command = ["sh", "-c", "pwd; echo err >&2; exit 7"];
    const exits: number[] = [];
    const onExit = ({ code }: Deno.CommandStatus) => Promise.resolve(void exits.push(code));
    const child = startOwned({ command, cwd, logFile, onExit });
    assertEquals((await child.exited).code, 7);
    assertEquals(exits, [7]);
    assertEquals(child.running, false);
    child.signal("SIGTERM");
    assertEquals(await Deno.readTextFile(logFile), `${await Deno.realPath(cwd)}\nerr\n`);
    await until("the watcher ends", async () => await groupSize(child.pid) === 0);
  }));

Deno.test("startOwned: `pid` is the command's own process", () =>
  withDirectory(async (cwd, logFile) => {
    const child = startOwned({ command: ["sh", "-c", "echo $$; exec sleep 600"], cwd, logFile });
    await until("it says its id", async () => {
      return (await Deno.readTextFile(logFile).catch(() => "")).endsWith("\n");
    });
    assertEquals(Number(await Deno.readTextFile(logFile)), child.pid);
    child.signal("SIGKILL");
    assertEquals((await child.exited).signal, "SIGKILL");
  }));

Deno.test("startOwned: a Ctrl-C in the owner's terminal passes by; the owner's kill -9 does not", () =>
  withDirectory(async (cwd) => {
    const owner = join(cwd, "owner.ts");
    await Deno.writeTextFile(
      owner,
      `import { startOwned } from ${JSON.stringify(import.meta.resolve("./owned_process.ts"))};
         const { pid, exited } = startOwned({ command: ["sleep", "600"], cwd: ".", logFile: "log" });
         Deno.addSignalListener("SIGINT", () => console.log("interrupted"));
         console.log(pid);
         await exited;`,
    );
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--allow-run=sh", owner],
      cwd,
      stdout: "piped",
      stderr: "null",
      detached: true,
    }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const pid = Number((await reader.read()).value);
    try {
      // What a terminal does: the signal goes to the whole foreground group.
      const { code, stderr } = await runScript('kill -s INT -- "-$1"', [String(process.pid)]);
      assertEquals(code, 0, stderr);
      assertEquals((await reader.read()).value, "interrupted\n");
      assert(await isAlive(pid));
    } finally {
      process.kill("SIGKILL");
      await process.status;
      await reader.cancel();
    }
    await until("the command ends", async () => !await isAlive(pid));
    await until("the watcher ends", async () => await groupSize(pid) === 0);
  }));

/** Above what any system gives to a process. */
const NO_PROCESS = 2 ** 31 - 1;

/** A process that sleeps, whose owner has ended; and its command line, which no other has. */
async function startOrphan(): Promise<{ pid: number; commandLine: string }> {
  const seconds = `600.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const { stdout } = await runScript('sleep "$1" >/dev/null 2>&1 & echo $!', [seconds]);
  return { pid: Number(stdout), commandLine: `sleep ${seconds}` };
}

async function withRecord(
  record: string | undefined,
  test: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    if (record !== undefined) await Deno.writeTextFile(join(directory, "broker.pid"), record);
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const harmless = [
  ["no record", undefined],
  ["an empty record", ""],
  ["a record of something else", "; rm -rf / 1\n"],
  ["a record of a process that has ended", `${NO_PROCESS} ${NO_PROCESS}\n`],
] as const;
for (const [what, record] of harmless) {
  Deno.test(`stopOrphan: ${what} does no harm`, () =>
    withRecord(record, async (directory) => {
      const notices: string[] = [];
      await stopOrphan(directory, () => true, (line) => notices.push(line));
      assertEquals(notices, []);
    }));
}

Deno.test("stopOrphan: stops a broker whose owner is dead, and says so", async () => {
  const { pid, commandLine } = await startOrphan();
  await withRecord(`${pid} ${NO_PROCESS}\n`, async (directory) => {
    const notices: string[] = [];
    await stopOrphan(directory, (line) => line === commandLine, (line) => notices.push(line));
    assertEquals(await isAlive(pid), false);
    assertEquals(notices.length, 1);
    assert(notices[0]!.includes(directory) && notices[0]!.includes(String(pid)), notices[0]);
  });
});

Deno.test("stopOrphan: never touches a process that got the id later", async () => {
  const { pid, commandLine } = await startOrphan();
  try {
    await withRecord(`${pid} ${NO_PROCESS}\n`, async (directory) => {
      const checked: string[] = [];
      const isBroker = (line: string) => checked.push(line) < 0;
      await stopOrphan(directory, isBroker, () => {});
      assertEquals(checked, [commandLine]);
      assert(await isAlive(pid));
    });
  } finally {
    await runScript('kill "$1"', [String(pid)]);
  }
});

Deno.test("stopOrphan: refuses while the broker's owner is alive", async () => {
  const child = new Deno.Command("sleep", { args: ["600.5"] }).spawn();
  try {
    await withRecord(undefined, async (directory) => {
      await recordRunning(directory, child.pid);
      const stop = () => stopOrphan(directory, (line) => line.endsWith("sleep 600.5"), () => {});
      const { message } = await assertRejects(stop, Failure);
      assert(message.includes(`process ${child.pid}, started by process ${Deno.pid}`), message);
      assert(await isAlive(child.pid));
    });
  } finally {
    child.kill();
    await child.status;
  }
});
