import { assertEquals } from "@std/assert";
import { fetchOf, testCluster, TestProducer } from "./testing/cluster.ts";

for (const brokers of [1, 3]) {
  Deno.test(`SimulatedKafka: with ${brokers} brokers, a transaction's records and offset are there once it is committed`, async () => {
    const cluster = testCluster({ brokers });
    const producer = await new TestProducer(cluster, "a").init();
    assertEquals(await producer.add("outputs"), 0);
    assertEquals(await producer.send("outputs", "one", "two"), 0);
    assertEquals(await producer.addOffsets("group"), 0);
    assertEquals(await producer.commitOffset("group", "orders", 7), 0);
    const leader = await cluster.leader("outputs");
    const [before] = await cluster.ask(leader, fetchOf("outputs", 0));
    assertEquals([before!.lastStableOffset, before!.batches.length], [0, 0]);
    assertEquals(cluster.kafka.committedOffset("group", "orders", 0), undefined);
    assertEquals(await producer.end(true), 0);
    cluster.clock.run(200);
    const [after] = await cluster.ask(leader, fetchOf("outputs", 0));
    assertEquals([after!.lastStableOffset, after!.batches.length], [3, 2]);
    assertEquals(cluster.kafka.committedOffset("group", "orders", 0), 7);
    assertEquals(
      cluster.kafka.recordsOf("outputs").map(({ offset, value }) => [
        offset,
        new TextDecoder().decode(value!),
      ]),
      [[0, "one"], [1, "two"]],
    );
  });
}
