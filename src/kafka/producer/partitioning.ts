/**
 * The messages of a send, by topic, by partition and in parts. A producer sends what one call has for a partition
 * as one batch, and a broker always refuses a batch larger than max.message.bytes (1 MiB by default). So
 * calls are kept small.
 */
import type { Message, TopicMessages } from "kafkajs";
import type { TopicPartition } from "../protocol/requests.ts";
import murmur2 from "kafkajs/src/producer/partitioners/default/murmur2.js";

/** Messages in their order; the topics in that of their first messages. */
export function byTopic(messages: readonly (Message & { topic: string })[]): TopicMessages[] {
  const topics = Map.groupBy(messages, ({ topic }) => topic);
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

/** Well below 1 MiB, with room for the batch's own bytes. */
export const MAX_PART_BYTES = 512 * 1024;
/** At least what a record needs beside its key, value and headers. */
const RECORD_OVERHEAD_BYTES = 64;

/**
 * The messages in their order, in parts of at most `maxBytes`; a message larger than that is alone.
 * No messages, no parts.
 */
export function* inParts(
  outputs: readonly TopicMessages[],
  maxBytes = MAX_PART_BYTES,
): Generator<TopicMessages[]> {
  let part: TopicMessages[] = [];
  let bytes = 0;
  for (const { topic, messages } of outputs) {
    let current: TopicMessages | undefined;
    for (const message of messages) {
      const size = sizeOf(message);
      if (bytes > 0 && bytes + size > maxBytes) {
        yield part;
        part = [];
        bytes = 0;
        current = undefined;
      }
      if (!current) part.push(current = { topic, messages: [] });
      current.messages.push(message);
      bytes += size;
    }
  }
  if (part.length > 0) yield part;
}

function sizeOf({ key, value, headers }: Message): number {
  let size = RECORD_OVERHEAD_BYTES + lengthOf(key) + lengthOf(value);
  for (const name in headers) {
    const header = headers[name];
    size += lengthOf(name);
    if (Array.isArray(header)) { for (const one of header) size += lengthOf(one); }
    else size += lengthOf(header);
  }
  return size;
}

function lengthOf(value: Uint8Array | string | null | undefined): number {
  if (value === null || value === undefined) return 0;
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}

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

/**
 * The partition of a key, as Kafka's own clients compute it (murmur2).
 *
 * @param partitions how many the topic has
 */
export function partitionForKey(key: string, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}
