/** Members of a group on three real nodes, of which one is killed, or lags. */
import { assert, assertEquals } from "@std/assert";
import type { Consumer } from "kafkajs";
import { Registry } from "prom-client";
import { readMetadata } from "../../local/kafka/metadata.ts";
import { startTestCluster, type TestCluster } from "../../local/testing/test_broker.ts";
import type { Logger } from "../../runtime/log.ts";
import type { Names } from "../../topology.ts";
import { createClient } from "../client/client.ts";
import { createProcessorMetrics } from "../metrics.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
import { createCluster } from "../client/cluster.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  readAll,
  refuse,
  startValidator,
} from "../testing/topics.ts";
import { createTopics } from "../topics.ts";

const ORDERS = 300;
const LIMIT_MS = 90_000;

let cluster: TestCluster;
Deno.test.beforeAll(async () => {
  cluster = await startTestCluster();
});
Deno.test.afterAll(() => cluster.remove());

const client = () => createClient({ brokers: cluster.bootstrap.split(",") }, "test");

async function coordinatorOf(groupId: string): Promise<number> {
  const asked = createCluster(client());
  try {
    await asked.connect();
    await asked.refreshMetadata();
    const found = await asked.findGroupCoordinator({ groupId, coordinatorType: 0 });
    return Number((found as unknown as { nodeId: string }).nodeId);
  } finally {
    await asked.disconnect();
  }
}

/** The leader of each partition of a topic, as a node knows it. */
async function leadersOf(topic: string, seenBy = cluster.nodes[0]!): Promise<number[]> {
  const { partitions } = await readMetadata(seenBy.port);
  return partitions.filter((partition) => partition.topic === topic)
    .toSorted((a, b) => a.partition - b.partition)
    .map(({ leader }) => leader);
}

/** Which node each kill is to hit. */
const victims: { what: string; of: (names: Names) => Promise<number> }[] = [
  { what: "the group's coordinator", of: (names) => coordinatorOf(names.group("validator")) },
  {
    what: "the leader of a partition",
    async of(names) {
      const coordinator = await coordinatorOf(names.group("validator"));
      const leaders = await leadersOf(names.topic("orders.raw"));
      return leaders.find((leader) => leader !== coordinator)!;
    },
  },
];

Deno.test("two members find new partitions of all topics, led by three nodes: each order has one outcome", async () => {
  const { kafka, names } = await freshTopics(cluster.bootstrap, 2);
  const outcomes = names.topic("orders.outcomes");
  const orders = Array.from({ length: ORDERS }, (_, i) => publication(placed(i)));
  const members = [0, 1].map(() => {
    const metrics = createProcessorMetrics(new Registry());
    const member = startValidator(cluster.bootstrap, names, refuse, {
      metrics,
      metadataMaxAgeMs: 300,
    });
    return { ...member, metrics };
  });
  const owned = async () => {
    const counts = members.map(async ({ metrics }) => (await metrics.partitions.get()).values);
    return (await Promise.all(counts)).flat().reduce((sum, { value }) => sum + value, 0);
  };
  await until("both have joined", async () => await owned() === 2, LIMIT_MS);
  await publishAll(kafka, names.topic("orders.raw"), orders.slice(0, ORDERS / 2));
  await createTopics(kafka, names, { partitions: 6 });
  await publishAll(kafka, names.topic("orders.raw"), orders.slice(ORDERS / 2));
  await until("all partitions are owned", async () => await owned() === 6, LIMIT_MS);
  await until(
    "all is published",
    async () => (await readAll(kafka, outcomes)).length >= ORDERS,
    LIMIT_MS,
  );
  await Promise.all(members.map((member) => member.stop()));
  const found = await readAll(kafka, outcomes);
  assertEquals(found.length, ORDERS);
  assertEquals(new Set(found.map(({ key }) => String(key))).size, ORDERS);
  assertEquals(new Set(found.map(({ partition }) => partition)).size, 6);
});

for (const { what, of } of victims) {
  Deno.test(`a member outlives the kill of ${what}: it stays in its group, and each order has one outcome`, async () => {
    const { kafka, names } = await freshTopics(cluster.bootstrap);
    const topic = names.topic("orders.outcomes");
    const orders = Array.from({ length: 2 * ORDERS }, (_, i) => publication(placed(i)));
    const lines: string[] = [];
    const note = (line: unknown) => void lines.push(String(line));
    const metrics = createProcessorMetrics(new Registry());
    const member = startValidator(cluster.bootstrap, names, refuse, {
      // Longer than a slow machine takes to find the next coordinator.
      sessionTimeoutMs: 45_000,
      transactionTimeoutMs: 40_000,
      metrics,
      log: { debug: note, info: note, warn: note } as unknown as Logger,
    });
    const outcomes = async () => (await readAll(kafka, topic)).length;
    await publishAll(kafka, names.topic("orders.raw"), orders.slice(0, ORDERS));
    await until("half is published", async () => await outcomes() >= ORDERS, LIMIT_MS);

    const nodeId = await of(names);
    const node = cluster.nodes[nodeId - 1]!;
    await node.kill();
    try {
      await publishAll(kafka, names.topic("orders.raw"), orders.slice(ORDERS));
      await until("all is published", async () => await outcomes() >= 2 * ORDERS, LIMIT_MS);
      await until(
        "it works",
        () => member.processor.notReady() === undefined,
        LIMIT_MS,
      );
    } finally {
      await node.start();
    }
    await cluster.inSync();
    const said = lines.join("\n");
    assertEquals(lines.filter((line) => line.startsWith("assigned")).length, 1, said);
    assert(!said.includes("the consumer stopped"), said);
    const [rebalances] = (await metrics.rebalances.get()).values;
    assertEquals(rebalances?.value ?? 0, 0);
    await member.stop();
    const keys = (await readAll(kafka, topic)).map(({ key }) => new TextDecoder().decode(key!));
    assertEquals([keys.length, new Set(keys).size], [2 * ORDERS, 2 * ORDERS]);
  });
}

const BROKER = 4;

Deno.test("a member whose metadata is old, and a leader of then that has not caught up: nothing is read again", async () => {
  const topic = `lag-${crypto.randomUUID().slice(0, 8)}`;
  const groupId = `${topic}-readers`;
  const lagging = cluster.nodes[0]!;
  const kafka = client();
  const admin = kafka.admin();
  await admin.connect();
  const consumers: Consumer[] = [];
  try {
    await admin.createTopics({
      topics: [{
        topic,
        replicaAssignment: [0, 1].map((partition) => ({ partition, replicas: [1, 2, 3] })),
        configEntries: [{ name: "follower.replication.throttled.replicas", value: "0:1,1:1" }],
      }],
    });
    await throttle("1");
    const reader = () => {
      const consumer = kafka.consumer({
        groupId,
        maxWaitTimeInMs: 50,
        retry: { retries: 8, restartOnFailure: () => Promise.resolve(false) },
      });
      consumers.push(consumer);
      return consumer;
    };
    // It knows the leaders of now, and learns nothing more until it runs.
    const old = reader();
    await old.connect();
    await old.subscribe({ topics: [topic], fromBeginning: true });

    await lagging.stop();
    // Throttled it still fetches 1 MiB of each partition now and then: it lags for minutes.
    const end = await write(topic, 200);
    const offsets = [0, 1].map((partition) => ({ partition, offset: String(end) }));
    await until(
      "the group has offsets",
      () => admin.setOffsets({ groupId, topic, partitions: offsets }).then(() => true, () => false),
    );
    await lagging.start();
    // A join that finds its coordinator on the move is not what this is about.
    await until(
      "it coordinates again what it did before",
      async () =>
        (await readMetadata(lagging.port)).partitions
          .filter((partition) => partition.topic === "__consumer_offsets")
          .every(({ leader, replicas }) => leader === replicas[0]),
      LIMIT_MS,
    );
    const committed = () => committedOffsets(admin, groupId, topic).catch(() => new Map());
    await until("the coordinator answers", async () => (await committed()).get(0) === end);
    assert(!(await leadersOf(topic)).includes(1), "it has caught up");

    const handed: number[] = [];
    const joined = { first: 0, old: 0 };
    const crashes: Error[] = [];
    const goesOn = (holds: boolean) => {
      if (crashes[0]) throw crashes[0];
      return holds;
    };
    const run = async (name: keyof typeof joined, consumer: Consumer) => {
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        joined[name] = payload.memberAssignment[topic]?.length ?? 0;
      });
      consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload.error));
      await consumer.run({
        autoCommit: false,
        eachMessage: ({ message: { offset } }) => Promise.resolve(void handed.push(Number(offset))),
      });
    };
    // The first member assigns the partitions, and learns their leaders.
    const first = reader();
    await first.connect();
    await first.subscribe({ topics: [topic], fromBeginning: true });
    await run("first", first);
    await until("it has both", () => goesOn(joined.first === 2));
    await run("old", old);
    await until("each has one", () => goesOn(joined.first === 1 && joined.old === 1));
    await write(topic, 1);
    await until("both read on", () => goesOn(handed.length >= 2));
    assertEquals(handed, [end, end]);
    assertEquals(await committed(), new Map([[0, end], [1, end]]));
  } finally {
    for (const consumer of consumers) await consumer.disconnect();
    await throttle("1000000000");
    await admin.disconnect();
  }

  async function throttle(bytesPerSecond: string): Promise<void> {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{
        type: BROKER,
        name: "1",
        configEntries: [{ name: "follower.replication.throttled.rate", value: bytesPerSecond }],
      }],
    });
  }

  /** Writes `count` large records to each partition. @returns where they end, when nothing was there */
  async function write(to: string, count: number): Promise<number> {
    const value = "x".repeat(50_000);
    const producer = kafka.producer();
    await producer.connect();
    for (const partition of [0, 1]) {
      for (let left = count; left > 0; left -= 10) {
        const messages = Array.from({ length: Math.min(left, 10) }, () => ({ value, partition }));
        await producer.send({ topic: to, messages });
      }
    }
    await producer.disconnect();
    return count;
  }
});
