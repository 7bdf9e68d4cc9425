/** Whether consumer groups have read all there is: the question that lag by offset cannot answer. */
import type { Admin } from "kafkajs";
import type { LogReader, LogRecord, ReadOptions } from "./log_reader.ts";
import { committedOffsets } from "./offsets.ts";
import type { LocatedUnreadable } from "./unreadable.ts";

/**
 * Whether `group` has processed every committed record of `topic`. A transactional topic ends in a
 * control record that no consumer sees, so that offsets alone may never meet: what lies between the
 * committed offset and the end is read.
 */
export async function hasCaughtUp(
  admin: Admin,
  reader: LogReader,
  group: string,
  topic: string,
): Promise<boolean> {
  for await (const records of unread(admin, reader, group, topic)) {
    if (records.length > 0) return false;
  }
  return true;
}

/** How many committed records of `topic` the group has not processed, by partition; only where any. */
export async function backlogOf(
  admin: Admin,
  reader: LogReader,
  group: string,
  topic: string,
): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  const add = (partition: number, count: number) =>
    counts.set(partition, (counts.get(partition) ?? 0) + count);
  // As many messages as it has offsets: nobody can tell.
  const onUnreadable = ({ partition, offset, next }: LocatedUnreadable) =>
    void add(partition, next - offset);
  for await (const records of unread(admin, reader, group, topic, { onUnreadable })) {
    for (const { partition } of records) add(partition, 1);
  }
  return counts;
}

/** The committed records between what the group has committed and the end of the log. */
async function* unread(
  admin: Admin,
  reader: LogReader,
  group: string,
  topic: string,
  options: Pick<ReadOptions, "onUnreadable"> = {},
): AsyncGenerator<LogRecord[]> {
  const [committed, ends] = await Promise.all([
    committedOffsets(admin, group, topic),
    reader.ends(topic),
  ]);
  const behind = new Map<number, number>();
  for (const [partition, { first, end }] of ends) {
    const position = committed.get(partition) ?? first;
    if (position < end) behind.set(partition, position);
  }
  const place = { partitions: [...behind.keys()], from: behind };
  if (behind.size > 0) yield* reader.read(topic, { ...options, ...place });
}
