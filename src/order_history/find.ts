/**
 * Finds all records of one order: in the partition that its key belongs to, the same number in every
 * order topic, and in the dead letters.
 *
 * Records are searched as bytes before anything is decoded: that costs little more than reading them.
 */
import {
  type DeadLetterTopic,
  deadLetterTopicOf,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
} from "../topology.ts";
import { deadLetterId, isDeadLetter, resolvedId } from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";
import { partitionForKey } from "../kafka/producer/partitioning.ts";
import { bufferOf } from "../runtime/buffer.ts";
import type { OpenLog } from "../kafka/readers/open_log.ts";
import { describeUnreadable, type LocatedUnreadable } from "../kafka/protocol/unreadable.ts";

export interface Found {
  /** The topic's name in the topology. */
  readonly topic: Topic | DeadLetterTopic;
  readonly record: LogRecord;
}

export interface Search {
  readonly found: Found[];
  /** The partition that the order's key belongs to, where it has one alone. */
  readonly partition: number | undefined;
  /** What could not be read and may be of the order, a line each. */
  readonly unread: readonly string[];
}

/**
 * @param options.allPartitions also where the key does not belong
 */
export async function findRecords(
  { reader, names }: Pick<OpenLog, "reader" | "names">,
  orderId: string,
  { allPartitions, signal }: { allPartitions: boolean; signal: AbortSignal },
): Promise<Search> {
  const found: Found[] = [];
  const isOfOrder = matcher(orderId);
  const unread: string[] = [];
  const onUnreadable = (batch: LocatedUnreadable) =>
    void unread.push(describeUnreadable(batch, batch));
  let home: number | undefined;
  for (const topic of TOPIC_NAMES) {
    const name = names.topic(topic);
    const partitions = await reader.partitionsOf(name);
    if (!partitions) continue;
    home = partitionForKey(orderId, partitions.length);
    const where = allPartitions ? partitions : [home];
    for await (const records of reader.read(name, { partitions: where, onUnreadable, signal })) {
      for (const record of records) if (isOfOrder(record)) found.push({ topic, record });
    }
  }
  for (const topic of PROCESSORS.map(deadLetterTopicOf)) {
    const name = names.topic(topic);
    if (!await reader.partitionsOf(name)) continue;
    const deadLetters = new Set<string>();
    for await (const records of reader.read(name, { onUnreadable, signal })) {
      for (const record of records) {
        if (
          isDeadLetter(record) ? !isOfOrder(record) : !deadLetters.has(resolvedId(record))
        ) {
          continue;
        }
        deadLetters.add(deadLetterId(record.partition, record.offset));
        found.push({ topic, record });
      }
    }
  }
  return { found, partition: home, unread };
}

/** Whether a record's key is the order's id, or its value holds it as a JSON string. */
export function matcher(orderId: string): (record: Pick<LogRecord, "key" | "value">) => boolean {
  const key = Buffer.from(orderId);
  const quoted = Buffer.from(JSON.stringify(orderId));
  return (record) =>
    (record.key !== null && key.equals(record.key)) ||
    (record.value !== null && bufferOf(record.value).includes(quoted));
}
