import { assertEquals } from "@std/assert";
import type { Kafka } from "kafkajs";
import type { Cluster } from "../local/cluster.ts";
import { type PartitionState, readMetadata } from "../local/kafka/metadata.ts";
import { startTestCluster } from "../local/testing.ts";
import { Names } from "../topology.ts";
import { createClient } from "./client.ts";
import { until } from "./testing.ts";
import { createTopics } from "./topics.ts";

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
