/** The leaders of partitions, and how to reach them, by the metadata and the connections of kafkajs. */
import type { Cluster } from "./cluster.ts";
import { answerOf } from "./coordinator.ts";
import type { Leaders } from "./delivery.ts";
import { produceRequest } from "./requests.ts";

/** How long a broker may wait for its replicas: less than we wait for the broker. */
function replicasLimitMs(limitMs: number): number {
  return Math.ceil(Math.min(10_000, 0.8 * limitMs));
}

/**
 * @param transactionalId null outside transactions
 * @param onUnanswered told of each request that may still be carried out, at any time
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
