import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { Failure } from "../../runtime/errors.ts";
import { recordRunning, stopOrphan } from "./owned_process.ts";
import { runScript } from "./shell.ts";
import { isAlive } from "../testing/processes.ts";

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
