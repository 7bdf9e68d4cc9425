/** The partition of a key, as Kafka's own clients compute it (murmur2). */
import murmur2 from "kafkajs/src/producer/partitioners/default/murmur2.js";

/** @param partitions how many the topic has */
export function partitionForKey(key: string, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}
