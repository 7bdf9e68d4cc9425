/** Creates the topics of the topology, and adds partitions to those that lack some. */
import type { Admin, ITopicConfig, Kafka } from "kafkajs";
import { pause } from "../runtime/shutdown.ts";
import {
  AUDIT_REPORTS,
  deadLetterTopicOf,
  DEFAULT_PARTITIONS,
  type Names,
  PROCESSORS,
  TOPIC_NAMES,
} from "../topology.ts";
import { withAdmin } from "./client/client.ts";
import { isKafkaError } from "./client/errors.ts";
import { integer, optional } from "../runtime/setting.ts";

export const topicSettings = {
  partitions: optional(integer({
    env: "PARTITIONS",
    option: "partitions",
    fallback: "",
    min: 1,
    max: 1_000,
    fallbackHelp: `as many as the largest has, or ${DEFAULT_PARTITIONS}`,
    help: "partitions of each order topic; those with fewer get more",
  })),
  replicationFactor: optional(integer({
    env: "REPLICATION_FACTOR",
    fallback: "",
    min: 1,
    max: 10,
    fallbackHelp: "one on each broker, at most 3",
    help: "copies of each partition of a new topic",
  })),
};

interface TopicSize {
  /** Partitions of each order topic; the others have one. */
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** More copies cost more than they are worth. */
const MAX_DEFAULT_COPIES = 3;
/**
 * With three copies a write counts when two have it: a broker may be down, and another may fail after
 * that. The cluster's default is often one.
 */
const MIN_IN_SYNC = { copies: 3, value: "2" };
/** Forever: dead letters wait for a person. */
const DEAD_LETTER_RETENTION_MS = "-1";
/** A dead letter has up to 1 MiB of its message, and headers. */
const DEAD_LETTER_MAX_BYTES = String(2 * 1024 * 1024);
/** Only what is not in the newest segment is compacted: an audit that is made each minute adds up. */
const REPORT_SEGMENT_MS = String(3_600_000);

/** Fewer partitions were asked for than a topic has. */
export class TooFewPartitions extends Error {
  override readonly name = "TooFewPartitions";
}

/** The wanted configuration of each topic of the topology. */
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
    {
      topic: names.topic(AUDIT_REPORTS),
      numPartitions: 1,
      replicationFactor,
      // The newest report stays, however old it is.
      configEntries: [
        ...durability ?? [],
        { name: "cleanup.policy", value: "compact" },
        { name: "segment.ms", value: REPORT_SEGMENT_MS },
      ],
    },
  ];
}

export interface TopicsResult {
  /** Names on the cluster. */
  readonly created: readonly string[];
  readonly existing: readonly string[];
  /** Order topics that had fewer partitions. */
  readonly raised: readonly { readonly topic: string; readonly from: number }[];
  /** That each order topic has now. */
  readonly partitions: number;
  /** Of the topics that were created. */
  readonly replicationFactor: number;
}

/**
 * Creates missing topics, and adds missing partitions to order topics. Several processes may do so at
 * once.
 *
 * @param size.partitions (default: as many as the largest order topic has, or DEFAULT_PARTITIONS)
 * @param size.replicationFactor of new topics (default: the number of brokers, at most 3)
 * @throws {TooFewPartitions} an order topic has more; nothing was changed then
 */
export async function createTopics(
  kafka: Kafka,
  names: Names,
  size: { partitions?: number | undefined; replicationFactor?: number | undefined },
): Promise<TopicsResult> {
  return await withAdmin(kafka, async (admin) => {
    const before = new Set(await admin.listTopics());
    const orderTopics = TOPIC_NAMES.map((topic) => names.topic(topic));
    const counts = await countsOf(admin, orderTopics.filter((topic) => before.has(topic)));
    const largest = Math.max(...counts.values(), 0) || DEFAULT_PARTITIONS;
    const partitions = size.partitions ?? largest;
    refuseFewer(counts, partitions);
    const replicationFactor = size.replicationFactor ??
      Math.min(MAX_DEFAULT_COPIES, (await admin.describeCluster()).brokers.length);
    const wanted = topicConfigs(names, { partitions, replicationFactor });
    const missing = wanted.filter(({ topic }) => !before.has(topic));
    await admin.createTopics({ waitForLeaders: false, topics: missing });
    const raised = [...counts].filter(([, count]) => count < partitions)
      .map(([topic, from]) => ({ topic, from }));
    await raise(admin, raised.map(({ topic }) => topic), partitions);
    await untilKnown(admin, wanted);
    const nameOf = ({ topic }: ITopicConfig) => topic;
    return {
      created: missing.map(nameOf),
      existing: wanted.map(nameOf).filter((topic) => before.has(topic)),
      raised,
      partitions,
      replicationFactor,
    };
  });
}

/** Partitions by topic, in the order of `topics`; all of them exist. */
async function countsOf(admin: Admin, topics: string[]): Promise<Map<string, number>> {
  // For an empty list kafkajs returns all topics.
  if (topics.length === 0) return new Map();
  const found = (await admin.fetchTopicMetadata({ topics })).topics;
  return new Map(topics.map((topic) => [
    topic,
    found.find(({ name }) => name === topic)?.partitions.length ?? 0,
  ]));
}

function refuseFewer(counts: ReadonlyMap<string, number>, partitions: number): void {
  const more = [...counts].filter(([, count]) => count > partitions);
  if (more.length === 0) return;
  const most = Math.max(...more.map(([, count]) => count));
  const there = more.map(([topic, count]) => `${topic} has ${count}`).join(", ");
  throw new TooFewPartitions(
    `asked for ${partitions} partitions, but ${there}, and Kafka cannot take partitions away: ` +
      `\`deno task topics --partitions ${most}\` gives every order topic ${most}`,
  );
}

/** In one request, so that the topics differ for a moment only. */
async function raise(admin: Admin, topics: string[], count: number): Promise<void> {
  if (topics.length === 0) return;
  try {
    await admin.createPartitions({
      topicPartitions: topics.map((topic) => ({ topic, count })),
    });
  } catch (error) {
    // Another process has just done it; `untilKnown` checks the result.
    if ((error as { type?: string }).type !== "INVALID_PARTITIONS") throw error;
  }
}

const KNOWN_LIMIT_MS = 30_000;
const POLL_MS = 100;

/** Brokers learn of new topics and partitions a moment after they were created. */
async function untilKnown(admin: Admin, wanted: readonly ITopicConfig[]): Promise<void> {
  const deadline = performance.now() + KNOWN_LIMIT_MS;
  for (;;) {
    try {
      const counts = await countsOf(admin, wanted.map(({ topic }) => topic));
      const late = wanted.find(({ topic, numPartitions = 1 }) =>
        counts.get(topic)! < numPartitions
      );
      if (!late) return;
      if (performance.now() > deadline) {
        throw new PartitionsMissing(late.topic, late.numPartitions!);
      }
    } catch (error) {
      if (!isKafkaError(error) || performance.now() > deadline) throw error;
    }
    await pause(POLL_MS);
  }
}

/** Named as an error of the client: the cluster has not done what it acknowledged. */
class PartitionsMissing extends Error {
  override readonly name = "KafkaJSPartitionsMissing";
  constructor(topic: string, count: number) {
    super(`${topic} has not got its ${count} partitions within ${KNOWN_LIMIT_MS} ms`);
  }
}
