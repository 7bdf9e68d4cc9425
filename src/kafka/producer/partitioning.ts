/**
 * The messages of a send, by topic, by partition and in parts. A producer sends what one call has for a
 * partition as one batch, and a broker always refuses a batch larger than max.message.bytes (1 MiB by
 * default). So no call has much for one partition.
 */
import type { Message, TopicMessages } from "kafkajs";
import type { TopicPartition } from "../protocol/requests.ts";

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
 * The messages in their order, in parts with at most `maxBytes` for each partition; a message larger than
 * that is alone in its part of the partition. No messages, no parts.
 */
export function* inParts(
  outputs: readonly TopicMessages[],
  maxBytes = MAX_PART_BYTES,
): Generator<TopicMessages[]> {
  let part: TopicMessages[] = [];
  /** By topic and partition. */
  let sizes = new Map<string, number[]>();
  for (const { topic, messages } of outputs) {
    let current: TopicMessages | undefined;
    let ofTopic = sizes.get(topic);
    for (const message of messages) {
      const { partition = 0 } = message;
      const size = sizeOf(message);
      const before = ofTopic?.[partition] ?? 0;
      if (before > 0 && before + size > maxBytes) {
        yield part;
        part = [];
        sizes = new Map();
        current = ofTopic = undefined;
      }
      if (!current) part.push(current = { topic, messages: [] });
      current.messages.push(message);
      if (!ofTopic) sizes.set(topic, ofTopic = []);
      ofTopic[partition] = (ofTopic[partition] ?? 0) + size;
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

/**
 * The hash of Kafka's own clients, of the key's UTF-8: 32-bit integers. kafkajs computes it with 64-bit
 * objects, ten times as slow.
 */
function murmur2(key: string): number {
  const bytes = bytesOf(key);
  const { length } = bytes;
  let hash = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    word = Math.imul(word, MULTIPLIER);
    word = Math.imul(word ^ word >>> 24, MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  if (at < length) {
    for (let i = length - 1; i >= at; i--) hash ^= bytes[i]! << 8 * (i - at);
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash = Math.imul(hash ^ hash >>> 13, MULTIPLIER);
  return hash ^ hash >>> 15;
}

const MULTIPLIER = 0x5bd1e995;
const utf8 = new TextEncoder();

function bytesOf(text: string): ArrayLike<number> {
  const codes = new Array<number>(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = codes[i] = text.charCodeAt(i);
    if (code > 0x7f) return utf8.encode(text);
  }
  return codes;
}
