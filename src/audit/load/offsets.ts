/** Loads what the consumer groups have committed, before the log is read and after it. */
import type { DatabaseSync } from "node:sqlite";
import type { LogReader } from "../../kafka/readers/log_reader.ts";
import type { Names } from "../../topology.ts";
import { READINGS } from "../duties.ts";

export interface OffsetsSource {
  readonly reader: Pick<LogReader, "partitionsOf">;
  /** A group's committed offsets of a topic by partition; both names as on the cluster. */
  readonly committedOffsets: (group: string, topic: string) => Promise<ReadonlyMap<number, number>>;
  readonly names: Names;
}

export async function loadOffsets(
  database: DatabaseSync,
  { reader, names, committedOffsets }: OffsetsSource,
  when: "before" | "after",
): Promise<void> {
  const set = database.prepare(
    `insert into committed (service, topic, partition, "${when}") values (?, ?, ?, ?) ` +
      `on conflict do update set "${when}" = excluded."${when}"`,
  );
  for (const { service, topic } of READINGS) {
    const name = names.topic(topic);
    const partitions = await reader.partitionsOf(name);
    if (!partitions) continue;
    const offsets = await committedOffsets(names.group(service), name);
    for (const partition of new Set([...partitions, ...offsets.keys()])) {
      set.run(service, topic, partition, offsets.get(partition) ?? null);
    }
  }
}
