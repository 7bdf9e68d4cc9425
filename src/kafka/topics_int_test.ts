import { assertEquals, assertRejects } from "@std/assert";
import type { Kafka } from "kafkajs";
import type { Cluster } from "../local/kafka/cluster.ts";
import { type PartitionState, readMetadata } from "../local/kafka/metadata.ts";
import { startTestBroker, startTestCluster } from "../local/testing/test_broker.ts";
import { DEFAULT_PARTITIONS, Names, TOPIC_NAMES } from "../topology.ts";
import { createClient } from "./client/client.ts";
import { until } from "../runtime/until.ts";
import { createTopics, TooFewPartitions } from "./topics.ts";

/** In the protocol's numbers: a topic as a resource, and as the source of a setting. */
const TOPIC_RESOURCE = 2;
const TOPIC_SOURCE = 1;

/** The topic's own settings. */
async function settingsOf(kafka: Kafka, topic: string): Promise<Record<string, string>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { resources } = await admin.describeConfigs({
      resources: [{ type: TOPIC_RESOURCE, name: topic }],
      includeSynonyms: false,
    });
    const own = resources[0]!.configEntries
      .filter(({ configSource }) => configSource === TOPIC_SOURCE);
    return Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue]));
  } finally {
    await admin.disconnect();
  }
}

/** The topic's partitions, once every node knows them: each does a moment after they were made. */
async function partitionsOf(cluster: Cluster, topic: string): Promise<readonly PartitionState[]> {
  let found: readonly PartitionState[] = [];
  await until(`every node knows ${topic}`, async () => {
    const known = await Promise.all(cluster.nodes.map(async ({ port }) => {
      const { partitions } = await readMetadata(port);
      return partitions.filter((partition) => partition.topic === topic);
    }));
    found = known[0]!;
    return known.every(({ length }) => length > 0);
  });
  return found;
}

const CLUSTERS = [
  // Nodes, and by what is asked for: copies, and how many of them a write needs.
  [1, [[undefined, 1, undefined]]],
  [3, [[undefined, 3, "2"], [3, 3, "2"], [2, 2, undefined]]],
] as const;
for (const [nodes, cases] of CLUSTERS) {
  Deno.test(`createTopics, ${nodes} nodes: as many copies as asked for, or as the cluster allows`, async () => {
    await using cluster = await startTestCluster({ ports: Array(nodes).fill(0) });
    const kafka = createClient({ brokers: cluster.bootstrap.split(",") }, "test");
    for (const [replicationFactor, copies, needed] of cases) {
      const names = new Names(`asked-for-${replicationFactor}.`);
      const result = await createTopics(kafka, names, { partitions: 2, replicationFactor });
      assertEquals(result.replicationFactor, copies);
      for (const topic of ["orders.raw", "dlq.validator"] as const) {
        const found = await partitionsOf(cluster, names.topic(topic));
        assertEquals(found.length, topic === "orders.raw" ? 2 : 1);
        assertEquals(found.map(({ replicas }) => replicas.length), found.map(() => copies));
        const settings = await settingsOf(kafka, names.topic(topic));
        assertEquals(settings["min.insync.replicas"], needed, topic);
      }
    }
  });
}

Deno.test("createTopics: gives order topics what they lack, takes nothing away, and says which", async () => {
  await using broker = await startTestBroker();
  const kafka = createClient({ brokers: [broker.bootstrap] }, "test");
  const names = new Names("raised.");
  const [raw, ...others] = TOPIC_NAMES.map((topic) => names.topic(topic));
  const from = (count: number, topics: readonly string[]) =>
    topics.map((topic) => ({ topic, from: count }));
  const admin = kafka.admin();
  await admin.connect();
  const counts = async () =>
    (await admin.fetchTopicMetadata({ topics: [raw!, ...others] })).topics
      .map(({ partitions }) => partitions.length);

  await createTopics(kafka, names, { partitions: 2 });
  await admin.createPartitions({ topicPartitions: [{ topic: raw!, count: 3 }] });
  await until("it has three", async () => (await counts()).includes(3));
  const gone = [others[0]!, names.topic("dlq.payment")];
  await admin.deleteTopics({ topics: gone });
  const there = async () => (await admin.listTopics()).toSorted();
  await until("they are gone", async () => !(await there()).some((topic) => gone.includes(topic)));
  const before = await there();
  await assertRejects(
    () => createTopics(kafka, names, { partitions: 2 }),
    TooFewPartitions,
    "asked for 2 partitions, but raised.orders.raw has 3, and Kafka cannot take partitions away: " +
      "`deno task topics --partitions 3` gives every order topic 3",
  );
  assertEquals(await there(), before, "what is refused is not begun");

  const equal = await createTopics(kafka, names, {});
  assertEquals([equal.partitions, equal.raised], [3, from(2, others.slice(1))]);
  assertEquals(equal.created, gone);
  assertEquals(await counts(), TOPIC_NAMES.map(() => 3));
  const more = await createTopics(kafka, names, { partitions: 5 });
  assertEquals([more.created, more.raised], [[], from(3, [raw!, ...others])]);
  assertEquals(await counts(), TOPIC_NAMES.map(() => 5));
  const again = await createTopics(kafka, names, {});
  assertEquals([again.created, again.raised, again.partitions], [[], [], 5]);
  await admin.disconnect();

  const fresh = await createTopics(kafka, new Names("fresh."), {});
  assertEquals([fresh.partitions, fresh.existing], [DEFAULT_PARTITIONS, []]);
});
