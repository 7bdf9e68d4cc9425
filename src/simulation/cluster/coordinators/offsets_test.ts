import { assertEquals } from "@std/assert";
import { OffsetStore } from "./offsets.ts";
import { type TestCluster, testCluster, TestProducer } from "../testing/cluster.ts";

const GROUP = "group";

async function offsetOn(
  cluster: TestCluster,
  node: number,
  requireStable: boolean,
): Promise<number | string> {
  const place = { topic: "orders", partition: 0 };
  const request = { api: "OffsetFetch", group: GROUP, partitions: [place], requireStable } as const;
  const { codes: [ofGroup], partitions: [found] } = await cluster.ask(node, request);
  const code = ofGroup || found!.code;
  return code === 0 ? found!.offset : `error ${code}`;
}

async function offsetOf(cluster: TestCluster, requireStable = true): Promise<number | string> {
  return await offsetOn(cluster, await cluster.coordinator("group", GROUP), requireStable);
}

async function pending(cluster: TestCluster, id: string, offset: number): Promise<TestProducer> {
  const producer = await new TestProducer(cluster, id).init();
  assertEquals(await producer.addOffsets(GROUP), 0);
  assertEquals(await producer.commitOffset(GROUP, "orders", offset), 0);
  return producer;
}

async function commit(cluster: TestCluster, offset: number): Promise<void> {
  const { codes } = await cluster.ask(await cluster.coordinator("group", GROUP), {
    api: "OffsetCommit",
    group: GROUP,
    generation: -1,
    memberId: "",
    offsets: [{ topic: "orders", partition: 0, offset }],
  });
  assertEquals(codes, [0]);
}

for (const brokers of [1, 3]) {
  for (const isCommit of [true, false]) {
    const what = isCommit ? "committed" : "aborted";
    Deno.test(`OffsetFetch: with ${brokers} brokers, an offset whose transaction is ${what}`, async () => {
      const cluster = testCluster({ brokers });
      assertEquals(await offsetOf(cluster), -1);
      await commit(cluster, 3);
      const producer = await pending(cluster, "a", 7);
      assertEquals([await offsetOf(cluster, true), await offsetOf(cluster, false)], [
        "error 88",
        3,
      ]);
      await producer.end(isCommit);
      // Decided; the marker is on its way.
      assertEquals([await offsetOf(cluster, true), await offsetOf(cluster, false)], [
        "error 88",
        3,
      ]);
      cluster.clock.run(100);
      const offset = isCommit ? 7 : 3;
      assertEquals([await offsetOf(cluster, true), await offsetOf(cluster, false)], [
        offset,
        offset,
      ]);
    });
  }
}

Deno.test("OffsetStore: who was fenced is refused, as is a marker of a coordinator that was replaced", () => {
  const store = new OffsetStore();
  const marker = { producerId: 1n, producerEpoch: 2, coordinatorEpoch: 5, commit: false };
  assertEquals(store.accepts(1, 0), 0);
  store.appended({ kind: "marker", marker });
  assertEquals([store.accepts(1, 1), store.accepts(1, 2)], [47, 0]);
  const codes = [{ producerEpoch: 1 }, { coordinatorEpoch: 4 }, {}].map((change) =>
    store.acceptsMarker({ ...marker, ...change })
  );
  assertEquals(codes, [47, 52, 0]);
});

Deno.test("OffsetFetch: of two offsets, the one that was written last counts, not the one whose transaction ends last", async () => {
  const cluster = testCluster();
  const first = await pending(cluster, "a", 7);
  const second = await pending(cluster, "b", 9);
  await second.end(true);
  cluster.clock.run(100);
  assertEquals([await offsetOf(cluster, true), await offsetOf(cluster, false)], ["error 88", 9]);
  await first.end(true);
  cluster.clock.run(100);
  assertEquals(await offsetOf(cluster), 9);
});

Deno.test("OffsetFetch: the next coordinator knows pending offsets, and committed ones", async () => {
  const cluster = testCluster({ brokers: 3 });
  await commit(cluster, 3);
  const producer = await pending(cluster, "a", 7);
  cluster.kafka.moveCoordinator("group", GROUP);
  cluster.clock.run(400);
  assertEquals([await offsetOf(cluster, true), await offsetOf(cluster, false)], ["error 88", 3]);
  await producer.end(true);
  cluster.clock.run(100);
  assertEquals(await offsetOf(cluster), 7);
});

Deno.test("OffsetFetch: a coordinator that was frozen, replaced and thawed answers with an old offset, until it learns", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  const old = await cluster.coordinator("group", GROUP);
  await commit(cluster, 100);
  kafka.freezeBroker(old);
  clock.run(4_000);
  const other = await cluster.coordinator("group", GROUP);
  await commit(cluster, 200);
  kafka.thawBroker(old);
  assertEquals([await offsetOn(cluster, old, true), await offsetOn(cluster, old, false)], [
    100,
    100,
  ]);
  assertEquals(await offsetOn(cluster, other, true), 200);
  clock.run(400);
  assertEquals(await offsetOn(cluster, old, true), "error 16");
});

Deno.test("OffsetFetch: offsets of a topic that was deleted are gone", async () => {
  const cluster = testCluster();
  await commit(cluster, 3);
  cluster.kafka.recreateTopic("orders");
  assertEquals(await offsetOf(cluster), -1);
});
