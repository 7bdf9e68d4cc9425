/**
 * Where a send goes: its messages by partition, and whether these partitions are there. kafkajs leaves
 * out what is for others, without an error; a coordinator says "unknown" for as long as it is asked.
 */
import type { Message, TopicMessages } from "kafkajs";
import { pause } from "../../runtime/shutdown.ts";
import { countPartitions } from "../partition_counts.ts";
import type { Cluster } from "../client/cluster.ts";
import { ProducerError } from "../client/error_codes.ts";
import type { TopicPartition } from "../protocol/requests.ts";

/** What is to be written to one partition. */
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

/** A broker learns of a new partition a moment after another one. */
const LEARN_LIMIT_MS = 1_000;
const RETRY_MS = 100;

/**
 * Resolves when all of them are known, or nobody can say.
 *
 * @param options.fresh asks the cluster, whatever its metadata say
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
  // Who leads them is what the delivery needs next; it asks again when this fails.
  await cluster.addMultipleTargetTopics(topics).then(() => cluster.refreshMetadata())
    .catch(() => {});
}

/** Whether a request failed because a broker does not know the partition. */
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
