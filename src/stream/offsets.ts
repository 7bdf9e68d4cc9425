/** Committed offsets as plain numbers. Offsets are safe integers. */
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
