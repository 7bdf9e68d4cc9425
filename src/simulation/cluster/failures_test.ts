import { assertEquals, assertRejects } from "@std/assert";
import { Disconnected, Unreachable } from "./requests.ts";
import {
  batchOf,
  fetchOf,
  peek,
  produceOf,
  type TestCluster,
  testCluster,
  TestProducer,
} from "./testing/cluster.ts";

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

const produce = (value: string) => produceOf("orders", 0, { values: [value] });

/** Produces until a leader acknowledges it. @returns the codes on the way */
async function produced(cluster: TestCluster, value: string): Promise<number[]> {
  const codes: number[] = [];
  const bytes = batchOf({ producerId: 5n, producerEpoch: 0, firstSequence: 0, values: [value] });
  const batches = [{ topic: "orders", partition: 0, bytes }];
  await cluster.until(async () => {
    const node = await cluster.leader("orders");
    if (node < 0) return false;
    const request = { api: "Produce", transactionalId: null, batches } as const;
    const [answer] = await cluster.ask(node, request).catch(() => []);
    if (answer) codes.push(answer.code);
    return answer?.code === 0;
  });
  return codes;
}

function valuesOf({ kafka }: TestCluster): string[] {
  return kafka.recordsOf("orders").map(({ value }) => new TextDecoder().decode(value!));
}

Deno.test("SimulatedKafka: a broker that dies closes its connections, refuses new ones, and comes back with its log", async () => {
  const cluster = testCluster();
  const { kafka, clock } = cluster;
  assertEquals(await produced(cluster, "one"), [0]);
  const waiting = peek(kafka.handle(1, fetchOf("orders", 0, 1, 10_000)));
  kafka.crashBroker(1);
  await turn();
  assertEquals(waiting.error instanceof Disconnected, true);
  await assertRejects(() => kafka.handle(1, fetchOf("orders", 0)), Unreachable);
  kafka.restartBroker(1);
  clock.run(3_000);
  const [fetched] = await cluster.ask(1, fetchOf("orders", 0));
  assertEquals([fetched!.code, fetched!.batches.length, fetched!.lastStableOffset], [0, 1, 1]);
  const { topics: [topic] } = await cluster.ask(1, { api: "Metadata", topics: ["orders"] });
  assertEquals(topic!.partitions[0]!.leaderEpoch > 0, true);
});

Deno.test("SimulatedKafka: another broker leads when the leader dies: nothing that was acknowledged is lost, a repetition is not written twice", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka } = cluster;
  assertEquals(await produced(cluster, "one"), [0]);
  const old = await cluster.leader("orders");
  const lost = peek(kafka.handle(old, produce("perhaps")));
  kafka.crashBroker(old);
  await turn();
  assertEquals(lost.error instanceof Disconnected, true);
  await cluster.until(async () => ![old, -1].includes(await cluster.leader("orders")));
  await produced(cluster, "one");
  assertEquals(valuesOf(cluster).filter((value) => value === "one"), ["one"]);
  kafka.restartBroker(old);
  cluster.clock.run(5_000);
  const { brokers } = await cluster.ask(old, { api: "Metadata", topics: [] });
  assertEquals(brokers, [1, 2, 3]);
});

Deno.test("SimulatedKafka: what the leader has not replicated when it dies may be there, or not", async () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 10; seed++) {
    const cluster = testCluster({ brokers: 3, seed });
    assertEquals(await produced(cluster, "one"), [0]);
    const old = await cluster.leader("orders");
    for (const value of ["two", "three"]) peek(cluster.kafka.handle(old, produce(value)));
    cluster.kafka.crashBroker(old);
    cluster.clock.run(4_000);
    outcomes.add(valuesOf(cluster).join(" "));
  }
  assertEquals([...outcomes].sort(), ["one", "one two", "one two three"]);
});

Deno.test("SimulatedKafka: writes wait while a replica in sync does not answer, until the controller gives it up", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  const leader = await cluster.leader("orders");
  const [follower, other] = kafka.nodes().filter((node) => node !== leader);
  kafka.freezeBroker(follower!);
  const waiting = peek(kafka.handle(leader, produce("one")));
  clock.run(900);
  await turn();
  assertEquals([waiting.value, valuesOf(cluster)], [undefined, []]);
  clock.run(2_200);
  await turn();
  assertEquals([waiting.value?.[0]?.code, valuesOf(cluster)], [0, ["one"]]);
  kafka.crashBroker(other!);
  const under = peek(kafka.handle(leader, produce("two")));
  clock.run(4_000);
  const [refused] = await cluster.ask(leader, produce("three"));
  assertEquals(refused!.code, 19, "fewer than two are in sync");
  clock.run(31_000);
  await turn();
  assertEquals(under.value?.[0]?.code, 7);
  kafka.thawBroker(follower!);
  clock.run(2_000);
  assertEquals(valuesOf(cluster), ["one", "two"], "it was written, whatever was answered");
});

Deno.test("SimulatedKafka: a frozen leader answers what it was asked when it is thawed: too late, and for nothing", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  const old = await cluster.leader("orders");
  kafka.freezeBroker(old);
  const late = peek(kafka.handle(old, produce("late")));
  clock.run(4_000);
  await produced(cluster, "one");
  await turn();
  assertEquals(late, {});
  kafka.thawBroker(old);
  clock.run(10);
  const [stale] = await cluster.ask(old, fetchOf("orders", 0));
  assertEquals(
    [stale!.code, stale!.batches.length],
    [0, 0],
    "it still takes itself for the leader",
  );
  clock.run(400);
  await turn();
  assertEquals(late.value?.[0]?.code, 6);
  assertEquals(valuesOf(cluster), ["one"]);
});

Deno.test("SimulatedKafka: a broker that is cut off from the others answers reads from what it knew, and acknowledges nothing", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  await produced(cluster, "one");
  const old = await cluster.leader("orders");
  kafka.cutOffBroker(old);
  const written = peek(kafka.handle(old, produce("late")));
  clock.run(4_000);
  const others = kafka.nodes().filter((node) => node !== old);
  const metadataOf = async (node: number) =>
    (await cluster.ask(node, { api: "Metadata", topics: ["orders"] })).topics[0]!;
  const leader = (await metadataOf(others[0]!)).partitions[0]!.leader;
  const [acknowledged] = await cluster.ask(leader, produce("two"));
  assertEquals([others.includes(leader), acknowledged!.code], [true, 0]);
  assertEquals((await metadataOf(old)).partitions[0]!.leader, old);
  const [stale] = await cluster.ask(old, fetchOf("orders", 0));
  assertEquals([stale!.code, stale!.batches.length], [0, 1]);
  await turn();
  assertEquals(written, {});
  kafka.reconnectBroker(old);
  clock.run(400);
  await turn();
  assertEquals(written.value?.[0]?.code, 6);
  assertEquals(valuesOf(cluster), ["one", "two"]);
  clock.run(2_000);
  assertEquals((await cluster.ask(old, { api: "Metadata", topics: [] })).brokers, [1, 2, 3]);
});

Deno.test("SimulatedKafka: a broker that is cut off holds up the others' writes until it is given up, and gets no markers", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  const producer = await new TestProducer(cluster, "a").init();
  await producer.add("outputs");
  await producer.send("outputs", "one");
  const old = await cluster.leader("outputs");
  while (
    await cluster.leader("orders") === old || await cluster.coordinator("transaction", "a") === old
  ) {
    kafka.moveLeader("orders", 0);
    kafka.moveCoordinator("transaction", "a");
    clock.run(1_000);
  }
  kafka.cutOffBroker(old);
  const waiting = peek(kafka.handle(await cluster.leader("orders"), produce("one")));
  clock.run(900);
  await turn();
  assertEquals(waiting, {});
  const coordinator = kafka.nodes().find((node) => node !== old)!;
  const { node } = await cluster.ask(coordinator, {
    api: "FindCoordinator",
    type: "transaction",
    key: "a",
  });
  const who = { transactionalId: "a", ...producer.identity };
  assertEquals((await cluster.ask(node, { api: "EndTxn", ...who, commit: true })).codes, [0]);
  clock.run(1_000);
  await turn();
  assertEquals(waiting.value?.[0]?.code, 0);
  assertEquals(kafka.recordsOf("outputs").length, 1, "the marker went to the next leader");
});

Deno.test("SimulatedKafka: a fetch waits for something to read, and no longer than it said", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  const leader = await cluster.leader("orders");
  const [empty, woken] = [100, 10_000].map((maxWaitMs) =>
    peek(kafka.handle(leader, fetchOf("orders", 0, 0, maxWaitMs)))
  );
  clock.run(99);
  await turn();
  assertEquals(empty!.value, undefined);
  clock.run(1);
  await turn();
  assertEquals([empty!.value?.[0]?.batches, woken!.value], [[], undefined]);
  void kafka.handle(leader, produce("one"));
  clock.run(10);
  await turn();
  assertEquals(woken!.value?.[0]?.batches.length, 1);
  const moved = peek(kafka.handle(leader, fetchOf("orders", 0, 1, 10_000)));
  kafka.moveLeader("orders", 0);
  clock.run(100);
  await turn();
  assertEquals(moved.value?.[0]?.code, 6);
  assertEquals(clock.pending, 0, "an idle cluster has no timers");
});

Deno.test("SimulatedKafka: a fetch that gathers waits for more once there is something, but for no failure", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  const leader = await cluster.leader("orders");
  const gathering = (offset: number, gatherMs = 50) =>
    peek(kafka.handle(leader, { ...fetchOf("orders", 0, offset, 10_000), gatherMs }));
  const waiting = gathering(0);
  clock.run(100);
  void kafka.handle(leader, produce("one"));
  clock.run(20);
  const late = gathering(0);
  void kafka.handle(leader, produce("two"));
  clock.run(20);
  await turn();
  assertEquals([waiting.value, late.value], [undefined, undefined]);
  clock.run(40);
  await turn();
  assertEquals([waiting, late].map(({ value }) => value?.[0]?.batches.length), [2, 2]);
  void kafka.handle(leader, produce("three"));
  clock.run(10);
  const moved = gathering(2, 5_000);
  kafka.moveLeader("orders", 0);
  clock.run(100);
  await turn();
  assertEquals(moved.value?.[0]?.code, 6);
});

Deno.test("SimulatedKafka: a broker whose metadata is late names the old leader; followers and others refuse", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  const old = await cluster.leader("orders");
  const third = kafka.nodes().find((node) => node !== old)!;
  kafka.delayMetadata(third, 5_000);
  kafka.moveLeader("orders", 0);
  clock.run(100);
  const leaderBy = async (node: number) =>
    (await cluster.ask(node, { api: "Metadata", topics: ["orders"] })).topics[0]!.partitions[0]!
      .leader;
  assertEquals([await leaderBy(third), await leaderBy(old) === old], [old, false]);
  const refused = [produce("one"), fetchOf("orders", 0)] as const;
  for (const request of refused) {
    const [answer] = await cluster.ask(old, request);
    assertEquals(answer!.code, 6);
  }
  clock.run(5_000);
  assertEquals(await leaderBy(third), await leaderBy(old));
});

Deno.test("SimulatedKafka: topics that are made anew have another id, and are empty; partitions are added; records are deleted", async () => {
  const cluster = testCluster();
  const { kafka, clock } = cluster;
  const topicNow = async () =>
    (await cluster.ask(1, { api: "Metadata", topics: ["orders"] })).topics[0]!;
  await produced(cluster, "one");
  kafka.deleteRecords("orders", 0, 1);
  const [gone] = await cluster.ask(1, fetchOf("orders", 0));
  assertEquals(gone!.code, 1);
  const list = { api: "ListOffsets", partitions: [{ topic: "orders", partition: 0 }] } as const;
  const offsets = async (at: "first" | "end") => (await cluster.ask(1, { ...list, at }))[0]!.offset;
  assertEquals([await offsets("first"), await offsets("end")], [1, 1]);
  const before = await topicNow();
  kafka.recreateTopic("orders");
  kafka.addPartitions("orders", 3);
  clock.run(100);
  const after = await topicNow();
  assertEquals([before.partitions.length, after.partitions.length], [2, 3]);
  assertEquals([before.id === after.id, after.id.length], [false, 22]);
  assertEquals([await offsets("first"), await offsets("end")], [0, 0]);
  const [unknown] = await cluster.ask(1, fetchOf("orders", 9));
  assertEquals(unknown!.code, 3);
  const { topics } = await cluster.ask(1, { api: "Metadata", topics: ["nothing"] });
  assertEquals(topics, [{ code: 3, name: "nothing", id: "", partitions: [] }]);
});

Deno.test("SimulatedKafka: OffsetForLeaderEpoch refuses who knows an older or a newer leader", async () => {
  const cluster = testCluster({ brokers: 3 });
  await produced(cluster, "one");
  cluster.kafka.moveLeader("orders", 0);
  cluster.clock.run(100);
  const node = await cluster.leader("orders");
  const ask = async (leaderEpoch: number, currentEpoch: number) => {
    const request = { api: "OffsetForLeaderEpoch", topic: "orders", partition: 0 } as const;
    const { codes, end } = await cluster.ask(node, { ...request, leaderEpoch, currentEpoch });
    return [...codes, end];
  };
  assertEquals(await Promise.all([ask(0, 0), ask(0, 2), ask(0, 1), ask(1, -1)]), [
    [74, -1],
    [75, -1],
    [0, 1],
    [0, 1],
  ]);
});
