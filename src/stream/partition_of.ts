/** Which partition a key belongs to, as every client of Kafka computes it (murmur2). */
import "./mends.ts";
import { Partitioners } from "kafkajs";

const partition = Partitioners.DefaultPartitioner();

/**
 * The partition that a message with this key is sent to, unless its producer says otherwise.
 *
 * @param partitions how many the topic has
 */
export function partitionOf(key: string, partitions: number): number {
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 0,
    replicas: [],
    isr: [],
  }));
  return partition({ topic: "", partitionMetadata, message: { key, value: null } });
}
