import { assert, assertEquals } from "@std/assert";
import { aborted, settlesWithin } from "../../runtime/shutdown.ts";
import type { Service } from "../../topology.ts";
import { Pacing } from "./pacing.ts";

/** For what would wait forever. */
const LIMIT_MS = 20_000;
const NEVER = new AbortController().signal;

/** A batch of the input partition; nothing more is behind it, and somebody waits for it. */
function batchOf(partition: number, options: Partial<Parameters<Pacing["take"]>[0]> = {}) {
  return { topic: "input", partition, bytes: 1, hasMore: false, ...options };
}

function pacingOf(service: Service, maxTurn?: number) {
  /** The partitions whose batch waits for the next transaction. */
  const waiting = new Set<number>();
  const pacing = new Pacing(service, "last", ({ partition }) => waiting.has(partition), maxTurn);
  const wait = (...partitions: number[]) => {
    for (const partition of partitions) waiting.add(partition);
    pacing.check();
  };
  /** The next transaction has what waits. */
  const begin = () => {
    pacing.began([...waiting].map((partition) => batchOf(partition)));
    waiting.clear();
  };
  return { pacing, wait, begin };
}

/** Whether it has resolved when all that is at work in this turn is done. */
function isResolved(work: Promise<unknown>): Promise<boolean> {
  return settlesWithin(work, 0);
}

/** Ends the work on what a test has taken. */
const ends = new Set<() => void>();

function pacingTest(name: string, body: () => Promise<void>): void {
  Deno.test(`Pacing: ${name}`, async () => {
    try {
      await body();
    } finally {
      for (const end of ends) end();
      ends.clear();
    }
  });
}

/** A batch in hand, at work. */
function takeOne(pacing: Pacing, batch = batchOf(0), signal = NEVER) {
  const { promise, resolve } = Promise.withResolvers<void>();
  ends.add(resolve);
  const nextFetch = pacing.take(
    batch,
    (begin) => {
      begin();
      return promise;
    },
    signal,
    () => {},
  );
  return { nextFetch, end: resolve };
}

pacingTest("a transaction waits for each batch at work, until it waits, too, or ends", async () => {
  const { pacing, wait } = pacingOf("validator");
  const [, second] = [0, 1, 2].map((partition) => takeOne(pacing, batchOf(partition)));
  wait(0);
  const gathered = pacing.gathered();
  assertEquals(await isResolved(gathered), false);
  // Nothing is to be committed of this one.
  second!.end();
  assertEquals(await isResolved(gathered), false);
  wait(2);
  assert(await isResolved(gathered));
});

pacingTest("a transaction waits for no batch where none is at work", async () => {
  const { pacing, wait } = pacingOf("validator");
  // Its turn comes when the one before it has ended.
  void pacing.take(batchOf(0), () => aborted(NEVER), NEVER, () => {});
  wait(1);
  assert(await isResolved(pacing.gathered()));
});

pacingTest(
  "a slow batch goes into a later transaction, and no other waits for it again",
  async () => {
    const { pacing, wait, begin } = pacingOf("payment");
    const [fast, slow] = [takeOne(pacing, batchOf(0)), takeOne(pacing, batchOf(1))];
    wait(0);
    assert(await settlesWithin(pacing.gathered(), LIMIT_MS));
    begin();
    // The transaction's own batches are waited for.
    assertEquals(await isResolved(slow.nextFetch), false);
    fast.end();
    for (const { nextFetch } of [fast, slow]) assert(await settlesWithin(nextFetch, LIMIT_MS));
    const [next, behind] = [0, 1].map((partition) =>
      partition === 0
        ? takeOne(pacing, batchOf(0)).nextFetch
        : pacing.take(batchOf(1), () => aborted(NEVER), NEVER, () => {})
    );
    wait(0);
    assert(await isResolved(pacing.gathered()));
    // Of the two only what the next transaction is for.
    for (const nextFetch of [next!, behind!]) assertEquals(await isResolved(nextFetch), false);
  },
);

pacingTest(
  "a batch that nobody waits for keeps no fetch and no transaction from going on",
  async () => {
    const { pacing, wait } = pacingOf("inventory");
    const patient = takeOne(pacing, batchOf(0, { topic: "last" }));
    assert(await isResolved(patient.nextFetch));
    const other = takeOne(pacing, batchOf(1));
    wait(1);
    assert(await isResolved(pacing.gathered()));
    assertEquals(await isResolved(other.nextFetch), false);
  },
);

for (const service of ["validator", "inventory"] as const) {
  pacingTest(`the ${service}'s next fetch keeps a distance from the last transaction`, async () => {
    const { pacing } = pacingOf(service);
    const first = takeOne(pacing);
    first.end();
    // After a rest, at once.
    assert(await isResolved(first.nextFetch));
    const second = takeOne(pacing);
    pacing.began([batchOf(0)]);
    second.end();
    assertEquals(await isResolved(second.nextFetch), false);
    assert(await settlesWithin(second.nextFetch, LIMIT_MS));
  });
}

pacingTest("who stops waits for no distance", async () => {
  const { pacing } = pacingOf("validator");
  const revocation = new AbortController();
  const { nextFetch, end } = takeOne(pacing, batchOf(0), revocation.signal);
  pacing.began([batchOf(0)]);
  end();
  assertEquals(await isResolved(nextFetch), false);
  revocation.abort();
  assert(await isResolved(nextFetch));
});

pacingTest(
  "where nothing more is known to wait, a fetch waits for all batches in hand",
  async () => {
    const { pacing } = pacingOf("validator");
    const [first, second] = [takeOne(pacing, batchOf(0)), takeOne(pacing, batchOf(1))];
    first.end();
    assert(await isResolved(first.nextFetch));
    assertEquals(await isResolved(second.nextFetch), false);
  },
);

pacingTest(
  "where more waits, the next fetch goes on while batches are at work, without a distance",
  async () => {
    const { pacing } = pacingOf("validator");
    pacing.began([]);
    const batches = [takeOne(pacing), takeOne(pacing, batchOf(1, { hasMore: true }))];
    for (const { nextFetch } of batches) assert(await isResolved(nextFetch));
    pacing.began([0, 1].map((partition) => batchOf(partition)));
    for (const { end } of batches) end();
    const next = takeOne(pacing);
    next.end();
    assert(await isResolved(next.nextFetch));
  },
);

pacingTest("no fetch goes on while a batch waits for the one before it", async () => {
  const { pacing } = pacingOf("validator");
  const { nextFetch, begin } = takeQueued(pacing, batchOf(0, { hasMore: true }));
  assertEquals(await isResolved(nextFetch), false);
  begin();
  assert(await isResolved(nextFetch));
});

pacingTest("no fetch goes on while much is in hand", async () => {
  const { pacing } = pacingOf("validator");
  const large = batchOf(0, { bytes: 4 * 1024 * 1024, hasMore: true });
  const first = takeOne(pacing, large);
  assert(await isResolved(first.nextFetch));
  const second = takeOne(pacing, large);
  assertEquals(await isResolved(second.nextFetch), false);
  first.end();
  assert(await isResolved(second.nextFetch));
});

/** A batch in hand; `begin` when the one before it has ended. */
function takeQueued(pacing: Pacing, batch = batchOf(0)) {
  const { promise, resolve } = Promise.withResolvers<void>();
  ends.add(resolve);
  let begin = () => {};
  const held: boolean[] = [];
  const nextFetch = pacing.take(
    batch,
    (ready) => {
      begin = ready;
      return promise;
    },
    NEVER,
    (isHeld) => void held.push(isHeld),
  );
  return { nextFetch, begin: () => begin(), held };
}

pacingTest(
  "the next fetch goes on when a transaction begins without the batch it waits for",
  async () => {
    const { pacing } = pacingOf("inventory");
    const { nextFetch } = takeOne(pacing, batchOf(1));
    assertEquals(await isResolved(nextFetch), false);
    // Of offsets alone: no batch of it is in hand.
    pacing.began([batchOf(0)]);
    assert(await settlesWithin(nextFetch, LIMIT_MS));
  },
);

pacingTest(
  "the next fetch goes on when a batch at work takes long, and nothing waits for a transaction",
  async () => {
    const { pacing, wait } = pacingOf("payment");
    const { nextFetch } = takeOne(pacing);
    assertEquals(await isResolved(nextFetch), false);
    assert(await settlesWithin(nextFetch, LIMIT_MS));
    // Nor does a transaction wait for it.
    takeOne(pacing, batchOf(1));
    wait(1);
    assert(await isResolved(pacing.gathered()));
  },
);

pacingTest("a batch is not late while there is a transaction, nor soon after it", async () => {
  const { pacing } = pacingOf("payment");
  const { nextFetch } = takeOne(pacing);
  pacing.began([batchOf(0)]);
  assertEquals(await settlesWithin(nextFetch, 250), false);
  pacing.ended();
  const endedAt = performance.now();
  assert(await settlesWithin(nextFetch, LIMIT_MS));
  assert(performance.now() - endedAt >= 99, "so long it had patience");
});

pacingTest("no fetch waits for a late batch, nor for one that was already behind it", async () => {
  const { pacing } = pacingOf("payment");
  const late = takeOne(pacing, batchOf(0, { hasMore: true }));
  assert(await isResolved(late.nextFetch));
  const { nextFetch, held } = takeQueued(pacing);
  assertEquals(await isResolved(nextFetch), false);
  pacing.began([]);
  assert(await settlesWithin(nextFetch, LIMIT_MS));
  assertEquals(held, [true]);
});

pacingTest(
  "behind a late batch one waits, and meanwhile its partition is not fetched",
  async () => {
    const { pacing } = pacingOf("inventory");
    takeOne(pacing);
    pacing.began([]);
    const { nextFetch, begin, held } = takeQueued(pacing);
    assert(await settlesWithin(nextFetch, LIMIT_MS));
    assertEquals(held, [true]);
    begin();
    assertEquals(held, [true, false]);
  },
);

pacingTest("behind a late batch each is awaited again once it is at work", async () => {
  const { pacing, wait } = pacingOf("inventory");
  const late = takeOne(pacing, batchOf(1, { hasMore: true }));
  pacing.began([]);
  const behind = takeQueued(pacing, batchOf(1, { hasMore: true }));
  late.end();
  await isResolved(behind.nextFetch);
  behind.begin();
  wait(0);
  assertEquals(await isResolved(pacing.gathered()), false);
});

pacingTest(
  "a turn of the event loop works on some messages, and on one batch however large",
  async () => {
    const { pacing } = pacingOf("validator", 300);
    const turns = [""];
    // Before the pacing's own: it sees the end of each turn first.
    const onTurn = () => turns.push("") < 6 && setImmediate(onTurn);
    setImmediate(onTurn);
    const work = [["a", 200], ["b", 200], ["c", 5_000], ["d", 1], ["e", 1]] as const;
    await Promise.all(work.map(async ([name, messages]) => {
      await pacing.turn(batchOf(0), messages);
      turns.push(turns.pop() + name);
    }));
    assertEquals(turns, ["ab", "c", "de"]);
  },
);

pacingTest("a batch is not late while others of its fetch are worked on before it", async () => {
  const { pacing, wait, begin } = pacingOf("validator", 1);
  const [first] = [0, 1].map((partition) => takeOne(pacing, batchOf(partition)));
  await pacing.turn(batchOf(0), 1);
  const turn = pacing.turn(batchOf(1), 1);
  wait(0);
  begin();
  first!.end();
  const gathered = pacing.gathered();
  assertEquals(
    await Promise.race([gathered.then(() => "gathered"), turn.then(() => "turn")]),
    "turn",
  );
  assertEquals(await isResolved(gathered), false);
  wait(1);
  assert(await isResolved(gathered));
});
