/** The contract's cases on a real Kafka. */
import { createClient, type KafkaAdmin, withAdmin } from "../../kafka/client/client.ts";
import { GroupMember } from "../../kafka/group/member.ts";
import type { TopicPartition } from "../../kafka/protocol/requests.ts";
import type { Broker } from "../../local/kafka/broker.ts";
import type { Cluster } from "../../local/kafka/cluster.ts";
import { until } from "../../runtime/until.ts";
import { idsRequest } from "../../kafka/log_watch/log_states.ts";
import { Client } from "./client.ts";
import type { Platform } from "./platform.ts";
import { electLeaderRequest, fetchRequest } from "./requests.ts";

/** Short waits where Kafka's own are for large clusters. */
export const SETTINGS = {
  "group.min.session.timeout.ms": "500",
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
  // Those that a case moves stay where they are.
  "leader.imbalance.check.interval.seconds": "300",
};

/** One node, or several. */
export type RunningKafka = Pick<Broker, "bootstrap"> | Cluster;

const COORDINATOR_TOPICS = { group: "__consumer_offsets", transaction: "__transaction_state" };
/** As server_settings.ts has it. */
const COORDINATOR_PARTITIONS = 8;
const LIMIT_MS = 30_000;
const EVERY_MS = 20;

/** Runs one case. */
export async function onKafka(
  kafka: RunningKafka,
  run: (platform: Platform) => Promise<void>,
): Promise<void> {
  const clients: Client[] = [];
  const cluster = "nodes" in kafka ? kafka : undefined;
  const source = createClient({ brokers: kafka.bootstrap.split(",") }, "contract");
  const connect = async () => {
    const client = await Client.connect(source);
    clients.push(client);
    return client;
  };
  try {
    const client = await connect();
    const admin = <T>(work: (admin: KafkaAdmin) => Promise<T>) => withAdmin(source, work);
    await run({
      nodes: cluster?.nodes.length ?? 1,
      source,
      client,
      connect,
      createMember: (options) => new GroupMember(source, options),
      ...topicsOf(client, admin),
      ...movesOf(client, admin, cluster),
      freshName,
      async fetch(place, offset, { node, client: asks = client, ...options } = {}) {
        const request = fetchRequest(place, offset, { isolation: "committed", ...options });
        return await asks.toNode(node ?? await asks.leaderOf(place), request);
      },
    });
  } finally {
    await Promise.all(clients.map((client) => client.close().catch(() => {})));
  }
}

const freshName = () => `c${crypto.randomUUID().slice(0, 8)}`;

type Admin = <T>(work: (admin: KafkaAdmin) => Promise<T>) => Promise<T>;

function topicsOf(client: Client, admin: Admin) {
  return {
    async createTopic(partitions: number, topic = freshName()) {
      const topics = [{ topic, numPartitions: partitions }];
      // On a busy machine it may be created, and say that it was not.
      await until(
        `${topic} is created`,
        async () => {
          await admin((admin) => admin.createTopics({ topics })).catch(() => {});
          const [node] = client.cluster.getNodeIds();
          return (await client.toNode(Number(node), idsRequest([topic]))).topics.length > 0;
        },
        LIMIT_MS,
        EVERY_MS,
      );
      for (let partition = 0; partition < partitions; partition++) {
        await client.untilLedBy({ topic, partition }, (node) => node >= 0);
      }
      return topic;
    },
    async deleteTopic(topic: string) {
      await admin((admin) => admin.deleteTopics({ topics: [topic] }));
      await client.untilLedBy({ topic, partition: 0 }, (node) => node < 0);
    },
    async addPartitions(topic: string, count: number) {
      await admin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count }] }));
      await client.untilLedBy({ topic, partition: count - 1 }, (node) => node >= 0);
    },
    async deleteRecords({ topic, partition }: TopicPartition, before: number) {
      const partitions = [{ partition, offset: String(before) }];
      const work = async (admin: KafkaAdmin) => {
        await admin.fetchTopicOffsets(topic); // it has to know the leader
        await admin.deleteTopicRecords({ topic, partitions });
      };
      // A leader that is new to it does not know the end at once.
      const attempt = () => admin(work).then(() => true, () => false);
      await until(`${topic}/${partition} begins at ${before}`, attempt, LIMIT_MS, EVERY_MS);
    },
  };
}

function movesOf(client: Client, admin: Admin, cluster: Cluster | undefined) {
  const nodes = cluster?.nodes ?? [];
  async function moveLeader(place: TopicPartition) {
    const { topic, partition } = place;
    const before = await client.untilLedBy(place, (node) => node >= 0);
    const next = before % nodes.length + 1;
    const replicas = [next, ...nodes.map(({ nodeId }) => nodeId).filter((id) => id !== next)];
    const topics = [{ topic, partitionAssignment: [{ partition, replicas }] }];
    await admin((admin) => admin.alterPartitionReassignments({ topics }));
    await client.toNode(next, electLeaderRequest(place));
    await client.untilLedBy(place, (node) => node === next);
    return before;
  }
  return {
    moveLeader,
    moveCoordinator: (type: "group" | "transaction", key: string) =>
      moveLeader({ topic: COORDINATOR_TOPICS[type], partition: coordinatorPartition(key) }),
    killNode: (node: number) => nodes[node - 1]!.kill(),
    async startNode(node: number) {
      await nodes[node - 1]!.start();
      await cluster!.inSync();
    },
  };
}

/** As Kafka hashes a group, or a transactional id. */
function coordinatorPartition(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash, 31) + key.charCodeAt(i) | 0;
  return Math.abs(hash) % COORDINATOR_PARTITIONS;
}
