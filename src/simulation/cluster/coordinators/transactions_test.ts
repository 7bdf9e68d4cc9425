import { assertEquals } from "@std/assert";
import { Disconnected, type RequestOf } from "../requests.ts";
import {
  fetchOf,
  peek,
  produceOf,
  type TestCluster,
  testCluster,
  TestProducer,
} from "../testing/cluster.ts";

const GROUP = "group";

async function withTransaction(
  brokers: number,
  seed = 1,
): Promise<[TestCluster, TestProducer]> {
  const cluster = testCluster({ brokers, seed });
  const producer = await new TestProducer(cluster, "a").init();
  await producer.add("outputs");
  assertEquals(await producer.send("outputs", "one"), 0);
  await producer.addOffsets(GROUP);
  assertEquals(await producer.commitOffset(GROUP, "orders", 7), 0);
  return [cluster, producer];
}

const settled = ({ clock }: TestCluster) => clock.run(300);

/** What six requests of one producer are answered. */
async function sixOf(producer: TestProducer): Promise<number[]> {
  return [
    await producer.add("outputs"),
    await producer.send("outputs", "late"),
    await producer.addOffsets(GROUP),
    await producer.commitOffset(GROUP, "orders", 9),
    await producer.end(false),
    await producer.end(true),
  ];
}

/** The states, how one gets there, and what EndTxn answers there: to commit, and to abort. */
const STATES: Record<
  string,
  { reach: (cluster: TestCluster, producer: TestProducer) => unknown; end: number[] }
> = {
  Ongoing: { reach: () => {}, end: [0, 0] },
  "being committed": { reach: (_, producer) => producer.end(true), end: [51, 51] },
  "being aborted": { reach: (_, producer) => producer.end(false), end: [51, 51] },
  CompleteCommit: {
    reach: async (cluster, producer) => {
      await producer.end(true);
      settled(cluster);
    },
    end: [0, 48],
  },
  CompleteAbort: {
    reach: async (cluster, producer) => {
      await producer.end(false);
      settled(cluster);
    },
    end: [48, 0],
  },
  Empty: {
    reach: async (cluster, producer) => {
      await producer.end(true);
      settled(cluster);
      await producer.init();
    },
    end: [48, 48],
  },
};

for (const [state, { reach, end }] of Object.entries(STATES)) {
  for (const [i, commit] of [true, false].entries()) {
    Deno.test(`TransactionCoordinator: ${state}, EndTxn to ${commit ? "commit" : "abort"} is answered ${end[i]}`, async () => {
      const [cluster, producer] = await withTransaction(1);
      await reach(cluster, producer);
      assertEquals(await producer.end(commit), end[i]);
    });
  }
}

for (const brokers of [1, 3]) {
  Deno.test(`TransactionCoordinator: with ${brokers} brokers, InitProducerId aborts what is open, and shuts all six requests of the old producer out`, async () => {
    const [cluster, old] = await withTransaction(brokers);
    const next = new TestProducer(cluster, "a");
    assertEquals((await next.tryInit()).codes, [51]);
    // The abort is on its way.
    assertEquals((await next.tryInit()).codes, [51]);
    await next.init();
    // Once more for the fence, which nobody was given.
    assertEquals(next.identity, { ...old.identity, producerEpoch: old.identity.producerEpoch + 2 });
    assertEquals(await sixOf(old), [47, 47, 47, 47, 47, 47]);
    assertEquals(cluster.kafka.recordsOf("outputs"), []);
    assertEquals(cluster.kafka.committedOffset(GROUP, "orders", 0), undefined);
  });

  Deno.test(`TransactionCoordinator: with ${brokers} brokers, a commit that was decided is completed before InitProducerId succeeds`, async () => {
    const [cluster, producer] = await withTransaction(brokers);
    assertEquals(await producer.end(true), 0);
    const next = new TestProducer(cluster, "a");
    assertEquals((await next.tryInit()).codes, [51]);
    await next.init();
    assertEquals(cluster.kafka.recordsOf("outputs").length, 1);
    assertEquals(cluster.kafka.committedOffset(GROUP, "orders", 0), 7);
  });

  Deno.test(`TransactionCoordinator: with ${brokers} brokers, a partition that is not in the transaction is refused, as are offsets`, async () => {
    const [cluster, producer] = await withTransaction(brokers);
    await producer.end(true);
    settled(cluster);
    assertEquals(await producer.send("outputs", "two"), 48);
    assertEquals(await producer.commitOffset(GROUP, "orders", 8), 48);
    assertEquals(await producer.end(true), 0);
  });

  Deno.test(`TransactionCoordinator: with ${brokers} brokers, until its markers are written a transaction id begins nothing new`, async () => {
    const [cluster, producer] = await withTransaction(brokers);
    await producer.end(true);
    assertEquals([await producer.add("outputs"), await producer.addOffsets(GROUP)], [51, 51]);
    settled(cluster);
    assertEquals([await producer.add("outputs"), await producer.addOffsets(GROUP)], [0, 0]);
  });
}

Deno.test("TransactionCoordinator: a late EndTxn, and late offsets, of one epoch count in its next transaction", async () => {
  const [cluster, producer] = await withTransaction(1);
  await producer.end(true);
  settled(cluster);
  await producer.add("outputs");
  await producer.send("outputs", "two");
  await producer.addOffsets(GROUP);
  assertEquals(await producer.commitOffset(GROUP, "orders", 200), 0);
  assertEquals(await producer.commitOffset(GROUP, "orders", 100), 0);
  assertEquals(await producer.end(true), 0);
  settled(cluster);
  assertEquals(cluster.kafka.committedOffset(GROUP, "orders", 0), 100);
  assertEquals(cluster.kafka.recordsOf("outputs").length, 2);
});

Deno.test("TransactionCoordinator: a commit is answered before its markers are written, however late they are", async () => {
  const [cluster, producer] = await withTransaction(1);
  cluster.kafka.delayMarkers(1, 5_000);
  assertEquals(await producer.end(true), 0);
  cluster.clock.run(4_900);
  assertEquals(cluster.kafka.recordsOf("outputs").length, 0);
  assertEquals(cluster.kafka.committedOffset(GROUP, "orders", 0), undefined);
  assertEquals(await producer.add("outputs"), 51);
  cluster.clock.run(200);
  assertEquals(cluster.kafka.recordsOf("outputs").length, 1);
  assertEquals(cluster.kafka.committedOffset(GROUP, "orders", 0), 7);
});

Deno.test("TransactionCoordinator: a transaction that takes too long is aborted, its producer is fenced", async () => {
  const cluster = testCluster();
  const producer = await new TestProducer(cluster, "a").init(5_000);
  await producer.add("outputs");
  await producer.send("outputs", "one");
  cluster.clock.run(4_900);
  assertEquals((await cluster.ask(1, fetchOf("outputs", 0)))[0]!.lastStableOffset, 0);
  // Kafka looks every 10 s.
  cluster.clock.run(10_500);
  const [fetched] = await cluster.ask(1, fetchOf("outputs", 0));
  assertEquals([fetched!.lastStableOffset, fetched!.aborted.length], [2, 1]);
  assertEquals(await sixOf(producer), [47, 47, 47, 47, 47, 47]);
  assertEquals(cluster.clock.pending, 0);
});

Deno.test("TransactionCoordinator: what it does not know, and a partition that is not there", async () => {
  const cluster = testCluster();
  const stranger = new TestProducer(cluster, "b");
  const who = { transactionalId: "b", producerId: 99n, producerEpoch: 0 };
  const ask = (partitions: { topic: string; partition: number }[]) =>
    cluster.ask(1, { api: "AddPartitionsToTxn", ...who, partitions });
  assertEquals((await ask([{ topic: "outputs", partition: 0 }])).codes, [49]);
  const producer = await stranger.init();
  assertEquals((await ask([{ topic: "outputs", partition: 0 }])).codes, [49]);
  Object.assign(who, producer.identity);
  const partitions = [{ topic: "outputs", partition: 0 }, { topic: "outputs", partition: 9 }];
  assertEquals((await ask(partitions)).codes, [55, 3]);
  const init = {
    api: "InitProducerId",
    transactionalId: "b",
    transactionTimeoutMs: 900_001,
  } as const;
  assertEquals((await cluster.ask(1, init)).codes, [50]);
});

Deno.test("TransactionCoordinator: a producer without an id gets one of its own, at epoch 0", async () => {
  const cluster = testCluster();
  const init = { api: "InitProducerId", transactionalId: null, transactionTimeoutMs: 0 } as const;
  const first = await cluster.ask(1, init);
  const second = await cluster.ask(1, init);
  assertEquals([first.producerEpoch, second.producerEpoch], [0, 0]);
  assertEquals(first.producerId === second.producerId, false);
  const batch = { ...first, firstSequence: 0 };
  for (let i = 0; i < 2; i++) {
    const [answer] = await cluster.ask(1, produceOf("outputs", 0, batch));
    assertEquals(answer!.code, 0);
  }
  assertEquals(cluster.kafka.recordsOf("outputs").length, 1);
});

for (const at of ["before its commit", "after its commit"]) {
  Deno.test(`TransactionCoordinator: it moves ${at}, and the next one loads and goes on`, async () => {
    const codes = new Set<number>();
    for (let seed = 1; seed <= 5; seed++) {
      const [cluster, producer] = await withTransaction(3, seed);
      const before = await cluster.coordinator("transaction", "a");
      if (at === "after its commit") await producer.end(true);
      assertEquals(cluster.kafka.moveCoordinator("transaction", "a"), true);
      // As long as a broker may take to learn of it.
      cluster.clock.run(60);
      await cluster.until(async () => {
        const code = await producer.end(true);
        codes.add(code);
        return code === 0;
      });
      settled(cluster);
      assertEquals(before === await cluster.coordinator("transaction", "a"), false);
      assertEquals(cluster.kafka.recordsOf("outputs").length, 1);
      assertEquals(cluster.kafka.committedOffset(GROUP, "orders", 0), 7);
    }
    assertEquals(codes.has(14), true, `${[...codes]}`);
  });
}

Deno.test("TransactionCoordinator: one that was replaced, and does not know, decides nothing", async () => {
  const [cluster, producer] = await withTransaction(3);
  const { kafka, clock } = cluster;
  const old = await cluster.coordinator("transaction", "a");
  kafka.delayMetadata(old, 5_000);
  kafka.moveCoordinator("transaction", "a");
  clock.run(1_000);
  const request = {
    api: "EndTxn",
    transactionalId: "a",
    ...producer.identity,
    commit: true,
  } as const;
  const late = peek(kafka.handle(old, request));
  clock.run(1_000);
  await Promise.resolve();
  assertEquals(late, {});
  clock.run(4_000);
  for (let i = 0; i < 5; i++) await Promise.resolve();
  assertEquals(late.value?.codes, [16]);
  assertEquals(kafka.recordsOf("outputs"), []);
  assertEquals(await producer.end(true), 0);
});

for (const isRepeated of [true, false]) {
  const what = isRepeated
    ? "is committed by who asks again"
    : "may be committed by half where nobody asks";
  Deno.test(`TransactionCoordinator: killed with a decision that no replica has, and started at once: it ${what}`, async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const [cluster, producer] = await withTransaction(3, seed);
      const { kafka, clock } = cluster;
      kafka.killCoordinatorAtCommit("a");
      const killed = await cluster.coordinator("transaction", "a");
      const request = { api: "EndTxn", transactionalId: "a", ...producer.identity, commit: true };
      const answer = peek(kafka.handle(killed, request as RequestOf<"EndTxn">));
      clock.run(3_000);
      await Promise.resolve();
      assertEquals(answer.error instanceof Disconnected, true);
      if (isRepeated) await cluster.until(async () => await producer.end(true) === 0);
      else await new TestProducer(cluster, "a").init();
      clock.run(2_000);
      const offset = kafka.committedOffset(GROUP, "orders", 0) ?? 0;
      outcomes.add(`${kafka.recordsOf("outputs").length} record, offset ${offset}`);
    }
    const whole = "1 record, offset 7";
    if (isRepeated) assertEquals([...outcomes], [whole]);
    else {assertEquals(
        outcomes.has("1 record, offset 0") || outcomes.has("0 record, offset 7"),
        true,
      );}
  });
}
