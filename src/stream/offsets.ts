/** Committed offsets and ends of logs, as plain numbers. Offsets are safe integers. */
import type { Admin } from "kafkajs";

/** A group's committed offsets of a topic by partition; a partition without one is left out. */
export async function committedOffsets(
  admin: Admin,
  group: string,
  topic: string,
): Promise<Map<number, number>> {
  const [answer] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  const offsets = new Map<number, number>();
  for (const { partition, offset } of answer?.partitions ?? []) {
    if (Number(offset) >= 0) offsets.set(partition, Number(offset));
  }
  return offsets;
}

/** First offset and the offset after the last one, by partition. */
export async function logEnds(
  admin: Admin,
  topic: string,
): Promise<Map<number, { first: number; end: number }>> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return new Map(
    offsets.map((
      { partition, low, high },
    ) => [partition, { first: Number(low), end: Number(high) }]),
  );
}
