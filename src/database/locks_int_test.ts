/** The part of the contract of `Database` that takes several writers: locks. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RetryableError } from "../runtime/errors.ts";
import type { Database } from "./database.ts";
import { counters, increment, type Task } from "./testing/increment.ts";
import { eachDatabase } from "./testing/each_database.ts";
import { all, eachStore } from "./testing/stores.ts";

const NAMES = Array.from({ length: 50 }, (_, i) => `c-${i * 37 % 50}`);
const REVERSED = NAMES.toReversed();

async function assertCounted(database: Database, expected: number): Promise<void> {
  const values = (await all(database, counters)).map((row) => row.value);
  assertEquals(values, NAMES.map(() => expected));
}

eachDatabase(
  "lock: two Databases in opposite key order lose no update, and never deadlock",
  async ({ open }) => {
    const [a, b] = [await open("own", [counters]), await open("own", [counters])];
    await Promise.all([
      increment(a, NAMES, 40),
      increment(b, REVERSED, 40),
      increment(a, REVERSED, 40),
    ]);
    await assertCounted(a, 120);
  },
);

eachStore("lock: three processes lose no update, and create the tables at once", async (place) => {
  const { url, directory } = place;
  const processes = [NAMES, REVERSED, NAMES].map((keys) => {
    const task: Task = { place: { url, directory, owner: "own" }, keys, rounds: 150 };
    const script = new URL("testing/increment.ts", import.meta.url).href;
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, JSON.stringify(task)],
      stderr: "piped",
    }).output();
  });
  for (const { code, stderr } of await Promise.all(processes)) {
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  }
  await assertCounted(await place.open("own", [counters]), 450);
});

eachDatabase("upsert: in opposite key order, without lock, never deadlocks", async ({ open }) => {
  const databases = [await open("own", [counters]), await open("own", [counters])];
  await Promise.all([NAMES, REVERSED].map(async (names, i) => {
    for (let value = 0; value < 60; value++) {
      await databases[i]!.transaction((tx) =>
        tx.upsert(counters, names.map((name) => ({ name, value })))
      );
    }
  }));
  await assertCounted(databases[0]!, 59);
});

eachDatabase(
  "lock: held too long by another, it is a RetryableError, and the event loop goes on",
  async ({ open }) => {
    const [holder, other] = [await open("own", [counters]), await open("own", [counters])];
    await increment(holder, ["a"], 1);
    const held = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const holding = holder.transaction(async (tx) => {
      await tx.select(counters, ["a"], { lock: true });
      held.resolve();
      await release.promise;
    });
    await held.promise;
    let ticks = 0;
    const ticker = setInterval(() => ticks++, 10);
    try {
      const waiting = [1, 2].map(() => increment(other, ["a"], 1));
      await Promise.all(waiting.map((each) => assertRejects(() => each, RetryableError)));
    } finally {
      clearInterval(ticker);
      release.resolve();
      await holding;
    }
    // A blocked event loop would have had a single turn, at the end.
    assert(ticks > 5, `the event loop had ${ticks} turns`);
    await increment(other, ["a"], 1);
    assertEquals(await all(other, counters), [{ name: "a", value: 2 }]);
  },
);
