/**
 * The partitions of a send: its messages by partition, and whether these partitions exist. kafkajs leaves
 * out messages for unknown ones, without an error; a coordinator answers "unknown" again and again.
 */
import type { Message, TopicMessages } from "kafkajs";
import { pause } from "../../runtime/shutdown.ts";
import { countPartitions } from "../partition_counts.ts";
import type { Cluster } from "../client/cluster.ts";
import { ProducerError } from "../client/error_codes.ts";
import type { TopicPartition } from "../protocol/requests.ts";

export interface PartitionMessages extends TopicPartition {
  readonly messages: Message[];
}

export function byPartition(topics: readonly TopicMessages[]): PartitionMessages[] {
  const groups = new Map<string, Map<number, PartitionMessages>>();
  for (const { topic, messages } of topics) {
    const ofTopic = groups.get(topic) ?? new Map<number, PartitionMessages>();
    groups.set(topic, ofTopic);
    for (const message of messages) {
      const { partition } = message;
      if (partition === undefined) throw new TypeError(`a message for ${topic} names no partition`);
      const group = ofTopic.get(partition);
      if (group) group.messages.push(message);
      else ofTopic.set(partition, { topic, partition, messages: [message] });
    }
  }
  return [...groups.values()].flatMap((ofTopic) => [...ofTopic.values()]);
}

/** Brokers learn of a new partition at different times. */
const LEARN_LIMIT_MS = 1_000;
const RETRY_MS = 100;

/**
 * Resolves when all of them are known, or no broker answers.
 *
 * @param options.fresh asks the cluster instead of its metadata
 * @throws {ProducerError} NO_SUCH_PARTITION
 */
export async function requirePartitions(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  { fresh = false, signal }: { fresh?: boolean; signal: AbortSignal },
): Promise<void> {
  const isKnown = ({ topic, partition }: TopicPartition) =>
    cluster.findTopicPartitionMetadata(topic).some(({ partitionId }) => partitionId === partition);
  const doubtful = fresh ? partitions : partitions.filter((partition) => !isKnown(partition));
  if (doubtful.length === 0) return;
  const topics = [...new Set(doubtful.map(({ topic }) => topic))];
  const deadline = performance.now() + LEARN_LIMIT_MS;
  for (;;) {
    const counts = await countPartitions(cluster, topics).catch(() => new Map<string, number>());
    const missing = doubtful.find(({ topic, partition }) =>
      partition >= (counts.get(topic) ?? Infinity)
    );
    if (!missing) break;
    if (performance.now() >= deadline || signal.aborted) {
      throw noSuchPartition(missing, counts.get(missing.topic)!);
    }
    await pause(RETRY_MS, signal);
  }
  // The delivery needs their leaders next; after a failure it asks itself.
  await cluster.addMultipleTargetTopics(topics).then(() => cluster.refreshMetadata())
    .catch(() => {});
}

/** Whether a broker does not know the partition of a request. */
export function isAboutPartition(error: unknown): boolean {
  const { type, cause } = error as Partial<ProducerError>;
  return type === "UNKNOWN_TOPIC_OR_PARTITION" || cause !== undefined && isAboutPartition(cause);
}

function noSuchPartition({ topic, partition }: TopicPartition, count: number): ProducerError {
  return new ProducerError(
    "NO_SUCH_PARTITION",
    "end",
    count === 0
      ? `writing to ${topic}/${partition}: there is no topic ${topic}; \`deno task topics\` creates it`
      : `writing to ${topic}/${partition}: ${topic} has no partition ${partition}, only ` +
        `${
          count > 1 ? `0 to ${count - 1}` : "0"
        }; \`deno task topics\` gives all order topics as ` +
        "many as the largest has",
  );
}
