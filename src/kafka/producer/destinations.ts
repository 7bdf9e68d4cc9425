/**
 * Where a send goes: the leaders of its partitions, by the metadata and the connections of kafkajs; and
 * whether these partitions exist. kafkajs leaves out messages for unknown ones, without an error; a
 * coordinator answers "unknown" again and again.
 */
import type { Cluster } from "../client/cluster.ts";
import { answerOf } from "../client/coordinator.ts";
import {
  type PartitionBatch,
  type PartitionCode,
  produceRequest,
  type TopicPartition,
} from "../protocol/requests.ts";
import { pause } from "../../runtime/shutdown.ts";
import { countPartitions } from "../partition_counts.ts";
import { ProducerError } from "../client/error_codes.ts";

export interface Leaders {
  /** The node that leads a partition, as far as we know; undefined when none does. */
  leaderOf(topic: string, partition: number): number | undefined;
  /** Refreshes the leaders of these topics. After a failure the old ones are used. */
  refresh(topics: readonly string[]): Promise<void>;
  /**
   * One Produce request.
   *
   * @returns a code for each partition; missing ones were not answered
   * @throws when no answer came within `limitMs`: it may have been carried out
   */
  produce(
    node: number,
    batches: readonly PartitionBatch[],
    limitMs: number,
  ): Promise<readonly PartitionCode[]>;
}

/** A broker waits for its replicas, for less time than we wait for the broker. */
function replicasLimitMs(limitMs: number): number {
  return Math.ceil(Math.min(10_000, 0.8 * limitMs));
}

/**
 * @param transactionalId null outside transactions
 * @param onUnanswered called for each request that may still be carried out, at any time
 */
export function createLeaders(
  cluster: Cluster,
  transactionalId: string | null,
  onUnanswered: () => void,
): Leaders {
  return {
    leaderOf(topic, partition) {
      const leader = cluster.findTopicPartitionMetadata(topic)
        .find(({ partitionId }) => partitionId === partition)?.leader;
      return leader === undefined || leader < 0 ? undefined : leader;
    },

    async refresh(topics) {
      if (!cluster.isConnected()) await cluster.connect();
      await cluster.addMultipleTargetTopics([...topics]);
      await cluster.refreshMetadata();
    },

    async produce(node, batches, limitMs) {
      const broker = await cluster.findBroker({ nodeId: String(node) });
      const request = produceRequest(transactionalId, replicasLimitMs(limitMs), batches);
      try {
        return await answerOf(broker, request, limitMs);
      } catch (error) {
        onUnanswered();
        throw error;
      }
    },
  };
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
  const numbers = count > 1 ? `0 to ${count - 1}` : "0";
  const why = count === 0
    ? `there is no topic ${topic}; \`deno task topics\` creates it`
    : `${topic} has no partition ${partition}, only ${numbers}; ` +
      "`deno task topics` gives all order topics as many as the largest has";
  return new ProducerError("NO_SUCH_PARTITION", "end", `writing to ${topic}/${partition}: ${why}`);
}
