import { assert, assertEquals } from "@std/assert";
import { aborted, settlesWithin } from "../../runtime/shutdown.ts";
import { Pacing } from "./pacing.ts";
const NEVER = new AbortController().signal;
const b = (partition: number, o: object = {}) => ({
  topic: "input",
  partition,
  bytes: 500,
  hasMore: false,
  ...o,
});
const soon = (w: Promise<unknown>) => settlesWithin(w, 0);

Deno.test("R1 began of a flush alone wakes the take of a late batch", async () => {
  const pacing = new Pacing("inventory", "last", () => false);
  const late = pacing.take(
    b(1),
    (begin) => {
      begin();
      return aborted(NEVER);
    },
    NEVER,
    () => {},
  );
  assertEquals(await soon(late), false);
  pacing.began([b(0)]); // an offset-only flush of partition 0, which has no batch in hand
  assert(await settlesWithin(late, 1_000));
});

Deno.test("R2 the partition of a late batch is not fetched while another one waits behind it", async () => {
  const pacing = new Pacing("inventory", "last", () => false);
  void pacing.take(
    b(1),
    (begin) => {
      begin();
      return aborted(NEVER);
    },
    NEVER,
    () => {},
  );
  pacing.began([]);
  const held: boolean[] = [];
  let begin = () => {};
  const next = pacing.take(
    b(1),
    (ready) => {
      begin = ready;
      return aborted(NEVER);
    },
    NEVER,
    (is) => void held.push(is),
  );
  assert(await settlesWithin(next, 1_000));
  assertEquals(held, [true]);
  begin();
  assertEquals(held, [true, false]);
});

Deno.test("R5 a late batch holds up no fetch where no transaction begins", async () => {
  const pacing = new Pacing("payment", "last", () => false);
  const late = pacing.take(
    b(1),
    (begin) => {
      begin();
      return aborted(NEVER);
    },
    NEVER,
    () => {},
  );
  assert(await settlesWithin(late, 1_000));
});

Deno.test("R3 once late, in a backlog never awaited again", async () => {
  const waiting = new Set<number>();
  const pacing = new Pacing("inventory", "last", ({ partition }) => waiting.has(partition));
  const take = (partition: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let begin = () => {};
    const next = pacing.take(
      b(partition, { hasMore: true }),
      (ready) => {
        begin = ready;
        return promise;
      },
      NEVER,
      () => {},
    );
    return { next, begin: () => begin(), end: resolve };
  };
  let now = take(1);
  now.begin();
  pacing.began([]); // once late
  for (let round = 0; round < 5; round++) {
    const next = take(1); // fetched ahead, while it is at work
    now.end();
    await soon(NEVER_ENDS);
    next.begin();
    now = next;
  }
  waiting.add(0);
  // Partition 1 is at work as ever: a transaction of partition 0 should wait for it a little.
  assertEquals(await soon(pacing.gathered()), false);
});
const NEVER_ENDS = new Promise(() => {});
