/** Where the logs of a topic begin and end, asked of the leaders of its partitions. */
import { pause } from "../../runtime/shutdown.ts";
import { isKafkaError } from "../client/errors.ts";
import type { Cluster, OffsetChoice } from "../client/cluster.ts";
import type { TopicPartition } from "../protocol/requests.ts";

/** As long as it takes to notice that a broker is gone, and to let another one lead. */
const LIMIT_MS = 15_000;
const RETRY_MS = 200;
/** Look-ups in a row that fail: it is not a leader that is away then, it is the cluster. */
const MAX_FAILED_LOOKUPS = 2;

/** What no other attempt would change. */
const FINAL = new Set([
  "TOPIC_AUTHORIZATION_FAILED",
  "INVALID_TOPIC_EXCEPTION",
  "OFFSET_OUT_OF_RANGE",
  "UNSUPPORTED_VERSION",
]);

function isFinal(error: unknown): boolean {
  const { name, type = "" } = error as { name?: string; type?: string };
  return !isKafkaError(error) || name === "KafkaJSSASLAuthenticationError" || FINAL.has(type) ||
    name === "KafkaJSNotImplemented";
}

/**
 * Asks again, for some 15 s, while leaders change or one of the brokers is away.
 *
 * @param options.final Kafka's word for one more error that is not waited out
 * @param options.signal when it aborts, nothing is asked again
 * @throws what `ask` throws: at once when that will not pass, or when no broker answers at all
 */
export async function withLeaders<T>(
  cluster: Cluster,
  ask: () => Promise<T>,
  { final, signal }: { final?: string | undefined; signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (let failedLookups = 0;;) {
    try {
      return await ask();
    } catch (error) {
      const isWanted = final !== undefined && (error as { type?: string }).type === final;
      if (isWanted || isFinal(error) || performance.now() > deadline) throw error;
      await pause(RETRY_MS, signal);
      const found = !signal?.aborted &&
        await cluster.refreshMetadata().then(() => true, () => false);
      if (signal?.aborted) throw error;
      failedLookups = found ? 0 : failedLookups + 1;
      if (failedLookups === MAX_FAILED_LOOKUPS) throw error;
    }
  }
}

/**
 * A topic's partitions in their order, or undefined when there is no such topic.
 *
 * @param options.fresh asks now; else what was heard within a minute will do
 */
export async function partitionsOf(
  cluster: Cluster,
  topic: string,
  { fresh }: { fresh: boolean },
): Promise<number[] | undefined> {
  try {
    await cluster.addMultipleTargetTopics([topic]);
    if (fresh) await cluster.refreshMetadata();
    else await cluster.refreshMetadataIfNecessary();
  } catch (error) {
    if ((error as { type?: string }).type === "UNKNOWN_TOPIC_OR_PARTITION") return undefined;
    throw error;
  }
  return cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
    .sort((a, b) => a - b);
}

export interface LogEnd {
  /** The first offset that is still there. */
  readonly first: number;
  /** The offset after the last record. */
  readonly end: number;
}

/** By partition; empty without such a topic. */
export async function logEnds(cluster: Cluster, topic: string): Promise<Map<number, LogEnd>> {
  return (await logEndsByTopic(cluster, [topic])).get(topic)!;
}

/** By topic and partition; a topic that is not there has no partitions. Two requests a leader. */
export async function logEndsByTopic(
  cluster: Cluster,
  topics: readonly string[],
): Promise<Map<string, Map<number, LogEnd>>> {
  return await withLeaders(cluster, async () => {
    const asked = new Map<string, number[]>();
    for (const topic of topics) {
      asked.set(topic, await partitionsOf(cluster, topic, { fresh: false }) ?? []);
    }
    const endOf = await endsOf(cluster, asked);
    return new Map(
      [...asked].map(([topic, partitions]) =>
        [
          topic,
          new Map(partitions.map((partition) => [partition, endOf(topic, partition)])),
        ] as const
      ),
    );
  });
}

/** Of one partition alone. */
export async function logEndOf(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
): Promise<LogEnd> {
  return await withLeaders(cluster, async () => {
    await partitionsOf(cluster, topic, { fresh: false });
    return (await endsOf(cluster, new Map([[topic, [partition]]])))(topic, partition);
  });
}

/** By partition, the offset of the first record of that time or later; the end where there is none. */
export async function offsetsSince(
  cluster: Cluster,
  topic: string,
  epochMs: number,
): Promise<Map<number, number>> {
  return await withLeaders(cluster, async () => {
    const partitions = await partitionsOf(cluster, topic, { fresh: false }) ?? [];
    const asked = new Map([[topic, partitions]]);
    // First: what comes in between is not left out.
    const end = await offsetsOf(cluster, asked, { fromBeginning: false });
    const since = await offsetsOf(cluster, asked, { fromTimestamp: epochMs });
    // Kafka's -1: no record is as young.
    const from = (partition: number) =>
      since(topic, partition) < 0 ? end(topic, partition) : since(topic, partition);
    return new Map(partitions.map((partition) => [partition, from(partition)]));
  });
}

async function endsOf(
  cluster: Cluster,
  asked: ReadonlyMap<string, readonly number[]>,
): Promise<(topic: string, partition: number) => LogEnd> {
  const [first, end] = await Promise.all([
    offsetsOf(cluster, asked, { fromBeginning: true }),
    offsetsOf(cluster, asked, { fromBeginning: false }),
  ]);
  return (topic, partition) => ({ first: first(topic, partition), end: end(topic, partition) });
}

async function offsetsOf(
  cluster: Cluster,
  asked: ReadonlyMap<string, readonly number[]>,
  which: OffsetChoice,
): Promise<(topic: string, partition: number) => number> {
  const requests = [...asked].filter(([, partitions]) => partitions.length > 0)
    .map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map((partition) => ({ partition })),
      ...which,
    }));
  const answers = requests.length > 0 ? await cluster.fetchTopicsOffset(requests) : [];
  const offsets = new Map(
    answers.map(({ topic, partitions }) =>
      [topic, new Map(partitions.map((p) => [p.partition, Number(p.offset)]))] as const
    ),
  );
  return (topic, partition) => {
    const offset = offsets.get(topic)?.get(partition);
    // kafkajs leaves out a partition that its metadata has lost meanwhile.
    if (offset === undefined) throw new LeaderUnknown(topic, partition);
    return offset;
  };
}

/** Who leads a partition, or any partition of a topic, is not known at the moment. */
export class LeaderUnknown extends Error {
  override readonly name = "KafkaJSLeaderUnknown";
  constructor(topic: string, partition?: number) {
    super(
      partition === undefined
        ? `the cluster names no partition of ${topic}`
        : `the leader of ${topic}/${partition} is not known`,
    );
  }
}
