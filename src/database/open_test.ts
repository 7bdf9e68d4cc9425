import { assertEquals, assertRejects } from "@std/assert";
import { type Database } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { withTwoDatabases } from "./open.ts";

/** A database that only notes whether it was closed, and one that does not answer. */
function setUp() {
  const closed: string[] = [];
  const open = (name: string) => () =>
    Promise.resolve({ close: () => Promise.resolve(void closed.push(name)) } as Database);
  const away = () => Promise.reject(new RetryableError("away"));
  return { closed, open, away };
}

const unheard = (reason: string) => {
  throw new Error(`waits without need: ${reason}`);
};

Deno.test("withTwoDatabases: stopped while it waits for either, it closes what is open, and that is no error", async () => {
  const { closed, open, away } = setUp();
  for (const [first, second] of [[open("first"), away], [away, open("second")]] as const) {
    const stop = new AbortController();
    const reasons: string[] = [];
    const onWait = (reason: string) => {
      reasons.push(reason);
      stop.abort();
    };
    const work = () => Promise.reject(new Error("there is nothing to work with"));
    assertEquals(
      await withTwoDatabases(first, second, { signal: stop.signal, onWait }, work),
      false,
    );
    assertEquals(reasons, ["waiting for the database: away"]);
  }
  assertEquals(closed, ["first"]);
});

Deno.test("withTwoDatabases: waits for the second until it answers, and closes both after the work", async () => {
  const { closed, open, away } = setUp();
  let tries = 0;
  const second = () => tries++ === 0 ? away() : open("second")();
  const reasons: string[] = [];
  const { signal } = new AbortController();
  const onWait = (reason: string) => void reasons.push(reason);
  const work = () => Promise.resolve(assertEquals(closed, []));
  assertEquals(await withTwoDatabases(open("first"), second, { signal, onWait }, work), true);
  assertEquals([reasons.length, closed.toSorted()], [1, ["first", "second"]]);
});

Deno.test("withTwoDatabases: passes on what goes wrong for good, with nothing left open", async () => {
  const { closed, open } = setUp();
  const { signal } = new AbortController();
  const options = { signal, onWait: unheard };
  const broken = () => Promise.reject(new Error("no such schema"));
  const idle = () => Promise.resolve();
  await assertRejects(
    () => withTwoDatabases(open("first"), broken, options, idle),
    Error,
    "no such schema",
  );
  assertEquals(closed.splice(0), ["first"]);
  await assertRejects(() => withTwoDatabases(open("a"), open("b"), options, broken), Error);
  assertEquals(closed.toSorted(), ["a", "b"]);
});
