/** Creates the topics of the topology, and finds those that are not as it says. */
import type { Admin, ITopicConfig, ITopicMetadata, Kafka } from "kafkajs";
import { pause } from "../runtime/stop.ts";
import { deadLetterTopicOf, type Names, PROCESSORS, TOPIC_NAMES } from "../topology.ts";
import { isKafkaError } from "./client.ts";

export interface TopicSize {
  /** Partitions of each order topic; a dead-letter topic has one. */
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** A copy more than this costs more than it saves. */
const MAX_DEFAULT_COPIES = 3;
/**
 * With three copies a write counts when two have it: one broker may be away, and another then be lost.
 * The cluster's default is often one.
 */
const MIN_IN_SYNC = { copies: 3, value: "2" };
/** Dead letters wait for a person: they are kept until somebody removes them. */
const DEAD_LETTER_RETENTION_MS = "-1";
/** A dead letter is a message of any size, by default up to 1 MiB, and its headers. */
const DEAD_LETTER_MAX_BYTES = String(2 * 1024 * 1024);

/** Every order topic must have the same number of partitions: see topology.ts. */
export class PartitionsDiffer extends Error {
  override readonly name = "PartitionsDiffer";
}

/** How each topic of the topology is to be. */
export function topicConfigs(
  names: Names,
  { partitions, replicationFactor }: TopicSize,
): ITopicConfig[] {
  const durability = replicationFactor >= MIN_IN_SYNC.copies
    ? [{ name: "min.insync.replicas", value: MIN_IN_SYNC.value }]
    : undefined;
  return [
    ...TOPIC_NAMES.map((topic) => ({
      topic: names.topic(topic),
      numPartitions: partitions,
      replicationFactor,
      ...durability && { configEntries: durability },
    })),
    ...PROCESSORS.map((service) => ({
      topic: names.topic(deadLetterTopicOf(service)),
      numPartitions: 1,
      replicationFactor,
      configEntries: [
        ...durability ?? [],
        { name: "retention.ms", value: DEAD_LETTER_RETENTION_MS },
        { name: "max.message.bytes", value: DEAD_LETTER_MAX_BYTES },
      ],
    })),
  ];
}

/**
 * Creates what is missing; several may do so at once.
 *
 * @param size its replication factor is, unless said, the number of brokers, at most 3
 * @returns the names of the topics that were created, with that replication factor, and of those that
 * were there
 * @throws {PartitionsDiffer} an order topic has another number of partitions than asked for
 */
export async function createTopics(
  kafka: Kafka,
  names: Names,
  size: Pick<TopicSize, "partitions"> & { replicationFactor?: number | undefined },
): Promise<{ created: string[]; existing: string[]; replicationFactor: number }> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { partitions } = size;
    const replicationFactor = size.replicationFactor ??
      Math.min(MAX_DEFAULT_COPIES, (await admin.describeCluster()).brokers.length);
    const wanted = topicConfigs(names, { partitions, replicationFactor });
    const before = new Set(await admin.listTopics());
    const existing = wanted.filter(({ topic }) => before.has(topic));
    const missing = wanted.filter(({ topic }) => !before.has(topic));
    await admin.createTopics({ waitForLeaders: false, topics: missing });
    const topics = await untilKnown(admin, wanted.map(({ topic }) => topic));
    const orderTopics = TOPIC_NAMES.map((topic) => names.topic(topic));
    const odd = topics.filter(({ name, partitions: { length } }) =>
      orderTopics.includes(name) && length !== partitions
    );
    if (odd.length > 0) {
      const found = odd.map((topic) => `${topic.name} has ${topic.partitions.length}`).join(", ");
      throw new PartitionsDiffer(
        `every order topic must have the same number of partitions, ${partitions} as PARTITIONS says, ` +
          `but ${found}: change PARTITIONS, or start with an empty cluster`,
      );
    }
    const nameOf = ({ topic }: ITopicConfig) => topic;
    return { created: missing.map(nameOf), existing: existing.map(nameOf), replicationFactor };
  } finally {
    await admin.disconnect();
  }
}

const KNOWN_LIMIT_MS = 30_000;
const POLL_MS = 100;

/** What a broker knows of new topics: each learns of them a moment after they were made. */
async function untilKnown(admin: Admin, topics: string[]): Promise<ITopicMetadata[]> {
  const deadline = performance.now() + KNOWN_LIMIT_MS;
  for (;;) {
    try {
      return (await admin.fetchTopicMetadata({ topics })).topics;
    } catch (error) {
      if (!isKafkaError(error) || performance.now() > deadline) throw error;
      await pause(POLL_MS);
    }
  }
}
