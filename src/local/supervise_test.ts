import { assertEquals, assertRejects } from "@std/assert";
import { Failure } from "../runtime/errors.ts";
import { MAX_SHORT_LIVES, supervise } from "./supervise.ts";

const KILLED: Deno.CommandStatus = { success: false, code: 137, signal: "SIGKILL" };

/** Lets something that always ends at once be supervised; returns how often it was started again. */
async function lives(
  start: (nth: number) => number,
  stopping: (starts: number) => boolean = () => false,
): Promise<{ starts: number; notices: string[] }> {
  let starts = 0;
  const notices: string[] = [];
  await supervise({
    name: "it",
    ended: () => Promise.resolve(KILLED),
    start() {
      if (starts === 10 * MAX_SHORT_LIVES) throw new Error("it is started without end");
      return start(++starts);
    },
    stopping: () => stopping(starts),
  }, { pauseMs: 0, onNotice: (line) => notices.push(line) });
  return { starts, notices };
}

Deno.test("supervise: gives up what keeps ending right after its start, and tells each time", async () => {
  const { starts, notices } = await lives((nth) => 100 + nth);
  assertEquals(starts, MAX_SHORT_LIVES);
  assertEquals(notices.slice(0, 2), [
    "it was ended by SIGKILL; starting it again",
    "it started, process 101",
  ]);
});

Deno.test("supervise: one that does not start has had a short life; why is told", async () => {
  const { starts, notices } = await lives(() => {
    throw new Failure("the port is taken");
  });
  assertEquals(starts, MAX_SHORT_LIVES);
  assertEquals(notices[1], "it: the port is taken");
});

Deno.test("supervise: an end that is wanted is left alone", async () => {
  assertEquals((await lives(() => 1, (starts) => starts === 2)).starts, 2);
  assertEquals(await lives(() => 1, () => true), { starts: 0, notices: [] });
});

Deno.test("supervise: an error that is none of the system's is thrown on", async () => {
  await assertRejects(() =>
    lives(() => {
      throw new TypeError("a bug");
    }), TypeError);
});
