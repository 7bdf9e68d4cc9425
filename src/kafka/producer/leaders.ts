/** The leaders of partitions, by the metadata and the connections of kafkajs. */
import type { Cluster } from "../client/cluster.ts";
import { answerOf } from "../client/coordinator.ts";
import { type PartitionBatch, type PartitionCode, produceRequest } from "../protocol/requests.ts";

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
