/** Which partition a key belongs to, as every client of Kafka computes it (murmur2). */
import murmur2 from "kafkajs/src/producer/partitioners/default/murmur2.js";

/**
 * The partition that a message with this key is sent to, unless its producer says otherwise.
 *
 * @param partitions how many the topic has
 */
export function partitionForKey(key: string, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}
