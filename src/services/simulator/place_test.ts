import { assert, assertEquals, assertRejects } from "@std/assert";
import { RetryableError } from "../../runtime/errors.ts";
import type { KeyedRecord } from "../../kafka/producer/publisher.ts";
import { createPace } from "./pace.ts";
import { type PlaceOptions, placeOrders, type Placing } from "./place.ts";
import type { Reach } from "./runs.ts";

const makeOrder = (n: number): KeyedRecord => ({ key: `r1-${n}`, value: new Uint8Array(300) });

/** A failure as kafkajs names it. */
function kafkaError(): Error {
  return Object.assign(new Error("no answer"), { name: "KafkaJSConnectionError" });
}

/** A cluster that notes what it acknowledges, and does not acknowledge when `fails` says so. */
function createCluster(fails: (publish: number) => Error | undefined = () => undefined) {
  const cluster = {
    batches: [] as string[][],
    opened: 0,
    closed: 0,
    openPublisher() {
      cluster.opened++;
      return Promise.resolve({
        publish(batch: readonly KeyedRecord[]) {
          cluster.batches.push(batch.map(({ key }) => key!));
          const failure = fails(cluster.batches.length);
          return failure ? Promise.reject(failure) : Promise.resolve();
        },
        close() {
          cluster.closed++;
          return Promise.resolve();
        },
      });
    },
  };
  return cluster;
}

/** Places orders `first` to nine in batches of four, with `change`. */
async function place(change: Partial<PlaceOptions>, first = 0) {
  const progress: Placing = { placed: first, acknowledged: first };
  const recorded: Reach[] = [];
  const troubles: (string | undefined)[] = [];
  await placeOrders({
    pace: createPace({ first, orders: 10, ratePerS: 0, durationMs: 0 }),
    makeOrder,
    openPublisher: createCluster().openPublisher,
    arrived: new Set(),
    record: (reach) => Promise.resolve(void recorded.push(reach)),
    maxBatch: 4,
    signal: new AbortController().signal,
    drainTimeoutMs: 1_000,
    onTrouble: (reason) => troubles.push(reason),
    ...change,
  }, progress);
  return { progress, recorded, troubles };
}

const keys = (first: number, end: number) =>
  Array.from({ length: end - first }, (_, i) => `r1-${first + i}`);

/** What is recorded when all goes well. */
const ALL_WELL: readonly Reach[] = [
  { placed: 4, acknowledged: 0 },
  { placed: 8, acknowledged: 4 },
  { placed: 10, acknowledged: 8 },
];

Deno.test("placeOrders: publishes all in order, and records before each batch how far it is", async () => {
  const cluster = createCluster();
  const published: number[] = [];
  const recorded: Reach[] = [];
  const { progress } = await place({
    openPublisher: cluster.openPublisher,
    record(reach) {
      published.push(cluster.batches.flat().length);
      recorded.push(reach);
      return Promise.resolve();
    },
  });
  assertEquals(cluster.batches, [keys(0, 4), keys(4, 8), keys(8, 10)]);
  assertEquals(published, [0, 4, 8]);
  assertEquals(recorded, ALL_WELL);
  assertEquals(progress, { placed: 10, acknowledged: 10 });
  assertEquals([cluster.opened, cluster.closed], [1, 1]);
});

Deno.test("placeOrders: whenever it dies, what the cluster has is between acknowledged and placed", async () => {
  let reach: Reach = { placed: 0, acknowledged: 0 };
  let handedOut = 0;
  let acknowledged = 0;
  const check = () => assert(reach.acknowledged <= acknowledged && handedOut <= reach.placed);
  await place({
    pace: createPace({ first: 0, orders: 300, ratePerS: 3_000, durationMs: 0 }),
    openPublisher: () =>
      Promise.resolve({
        async publish(batch) {
          handedOut += batch.length;
          check();
          await new Promise((resolve) => setTimeout(resolve, 3));
          acknowledged += batch.length;
          check();
        },
        close: () => Promise.resolve(),
      }),
    record(next) {
      reach = next;
      check();
      return Promise.resolve();
    },
  });
  assertEquals(reach.placed, 300);
});

Deno.test("placeOrders: what is acknowledged is recorded at once when nothing is due soon", async () => {
  const { recorded } = await place({
    pace: createPace({ first: 0, orders: 3, ratePerS: 5, durationMs: 0 }),
  });
  assertEquals(recorded, [
    { placed: 1, acknowledged: 0 },
    { placed: 1, acknowledged: 1 },
    { placed: 2, acknowledged: 1 },
    { placed: 2, acknowledged: 2 },
    { placed: 3, acknowledged: 2 },
  ]);
});

Deno.test("placeOrders: goes on where a run was, without the orders that arrived", async () => {
  const cluster = createCluster();
  const arrived = new Set([3, 4, 6, 7, 8, 9]);
  const { progress, recorded } = await place({ openPublisher: cluster.openPublisher, arrived }, 2);
  assertEquals(cluster.batches, [["r1-2", "r1-5"]]);
  assertEquals(recorded, [{ placed: 6, acknowledged: 2 }, { placed: 10, acknowledged: 6 }]);
  assertEquals(progress, { placed: 10, acknowledged: 10 });
});

Deno.test("placeOrders: a batch that fails is sent again by a new publisher before any other", async () => {
  const cluster = createCluster((n) => n === 2 || n === 3 ? kafkaError() : undefined);
  const { progress, recorded, troubles } = await place({ openPublisher: cluster.openPublisher });
  assertEquals(cluster.batches, [keys(0, 4), keys(4, 8), keys(4, 8), keys(4, 8), keys(8, 10)]);
  assertEquals(recorded, ALL_WELL);
  assertEquals(progress, { placed: 10, acknowledged: 10 });
  assertEquals([cluster.opened, cluster.closed], [3, 3]);
  assertEquals(troubles, ["Kafka: no answer", undefined]);
});

Deno.test("placeOrders: a publisher that cannot be opened is tried again", async () => {
  const cluster = createCluster();
  let attempts = 0;
  const { progress, troubles } = await place({
    openPublisher: () => ++attempts < 2 ? Promise.reject(kafkaError()) : cluster.openPublisher(),
  });
  assertEquals(progress.acknowledged, 10);
  assertEquals(troubles, ["Kafka: no answer", undefined]);
});

Deno.test("placeOrders: a record that fails is written again, and nothing published twice", async () => {
  const cluster = createCluster();
  const recorded: Reach[] = [];
  const failing = [1, 3];
  let attempts = 0;
  const { troubles } = await place({
    openPublisher: cluster.openPublisher,
    record(reach) {
      if (failing.includes(++attempts)) {
        assertEquals(cluster.batches.length, failing.indexOf(attempts));
        return Promise.reject(new RetryableError("locked"));
      }
      recorded.push(reach);
      return Promise.resolve();
    },
  });
  assertEquals(cluster.batches, [keys(0, 4), keys(4, 8), keys(8, 10)]);
  assertEquals(recorded, ALL_WELL);
  assertEquals(troubles, ["locked", undefined, "locked", undefined]);
});

Deno.test("placeOrders: a bug is passed on, and the publisher closed", async () => {
  const cluster = createCluster((n) => n === 2 ? new TypeError("a bug") : undefined);
  await assertRejects(() => place({ openPublisher: cluster.openPublisher }), TypeError, "a bug");
  assertEquals([cluster.opened, cluster.closed], [1, 1]);
});

Deno.test("placeOrders: once stopped, it waits for the batch on its way, and makes no more", async () => {
  const stop = new AbortController();
  const cluster = createCluster((n) => {
    if (n === 2) stop.abort();
    return undefined;
  });
  const { progress, recorded } = await place({
    openPublisher: cluster.openPublisher,
    signal: stop.signal,
  });
  assertEquals(progress, { placed: 8, acknowledged: 8 });
  assertEquals(recorded, ALL_WELL.slice(0, 2));
  assertEquals(cluster.closed, 1);
});

Deno.test("placeOrders: once stopped, it waits for a limited time, and an answer that comes too late changes nothing", async () => {
  const cases = [
    { late: "record", progress: { placed: 0, acknowledged: 0 }, published: 0 },
    { late: "publish", progress: { placed: 4, acknowledged: 0 }, published: 1 },
  ];
  for (const { late, progress: expected, published } of cases) {
    const stop = new AbortController();
    const answer = Promise.withResolvers<void>();
    const slowly = (what: string) => {
      if (what !== late) return Promise.resolve();
      stop.abort();
      return answer.promise;
    };
    const recorded: Reach[] = [];
    const batches: number[] = [];
    const { progress } = await place({
      openPublisher: () =>
        Promise.resolve({
          publish(batch) {
            batches.push(batch.length);
            return slowly("publish");
          },
          close: () => Promise.resolve(),
        }),
      record(reach) {
        recorded.push(reach);
        return slowly("record");
      },
      signal: stop.signal,
      drainTimeoutMs: 20,
    });
    assertEquals(progress, expected);
    answer.resolve();
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(progress, expected, late);
    assertEquals([recorded.length, batches.length], [1, published], late);
  }
});

Deno.test("placeOrders: once stopped, it does not send a failed batch again", async () => {
  const stop = new AbortController();
  const cluster = createCluster(() => {
    stop.abort();
    return kafkaError();
  });
  const { progress } = await place({ openPublisher: cluster.openPublisher, signal: stop.signal });
  assertEquals(progress, { placed: 4, acknowledged: 0 });
  assertEquals(cluster.batches, [keys(0, 4)]);
});

Deno.test("placeOrders: a batch of large messages is cut before the cluster would refuse it", async () => {
  const sizes: number[] = [];
  const { progress } = await place({
    pace: createPace({ first: 0, orders: 100, ratePerS: 0, durationMs: 0 }),
    maxBatch: 100,
    makeOrder: (n) => ({ key: `r1-${n}`, value: new Uint8Array(66_000) }),
    openPublisher: () =>
      Promise.resolve({
        publish(batch) {
          sizes.push(batch.reduce((sum, { value }) => sum + value!.length + 200, 0));
          return Promise.resolve();
        },
        close: () => Promise.resolve(),
      }),
  });
  assertEquals(progress.acknowledged, 100);
  assert(sizes.every((size) => size < 1_000_000), `${sizes}`);
});

Deno.test("placeOrders: at a rate, an order is placed when it is due, whenever it is sent", async () => {
  const times: number[] = [];
  const sentAt: number[] = [];
  const start = Date.now();
  const cluster = createCluster();
  await place({
    pace: createPace({ first: 0, orders: 20, ratePerS: 200, durationMs: 0 }),
    makeOrder(n, placedAtMs) {
      times.push(placedAtMs);
      sentAt.push(Date.now());
      return makeOrder(n);
    },
    openPublisher: cluster.openPublisher,
  });
  assertEquals(cluster.batches.flat(), keys(0, 20));
  assertEquals(times.map((ms) => ms - times[0]!), Array.from({ length: 20 }, (_, n) => n * 5));
  assert(times[0]! >= start);
  // The clock ticks in whole milliseconds.
  assert(times.every((ms, n) => ms <= sentAt[n]! + 1), "none is sent before it is due");
});

Deno.test("placeOrders: without a rate, it ends when its time is over", async () => {
  const pace = createPace({ first: 0, orders: 0, ratePerS: 0, durationMs: 30 });
  let asked = 0;
  const { progress } = await place({
    // Not before the first batch, should the machine stall for as long.
    pace: { ...pace, over: (elapsedMs) => asked++ > 0 && pace.over(elapsedMs) },
  });
  assert(progress.placed > 0);
  assertEquals(progress.acknowledged, progress.placed);
});
