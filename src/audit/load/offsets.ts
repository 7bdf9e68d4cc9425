/** Loads what the consumer groups have committed, before the log is read and after it, and their tables' positions. */
import type { DatabaseSync } from "node:sqlite";
import { table } from "../../database/database.ts";
import { idsDiffer } from "../../database/positions.ts";
import type { LogReader } from "../../kafka/readers/log_reader.ts";
import type { Tables } from "../../services/tables.ts";
import { type Names, PROCESSORS, TOPIC_NAMES } from "../../topology.ts";
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

const POSITIONS = table("positions", "input", {
  /** `TOPIC/PARTITION`, the topic's name on the cluster. */
  input: "text",
  topic_id: "text",
  /** What is below it is worked into the tables; -1: nothing is. */
  work_to: "integer",
});

/**
 * Loads how far the services' tables are, after `loadOffsets`.
 *
 * @param topicIds the topics' present ids by name; what the tables say of another topic of that name says nothing
 */
export async function loadPositions(
  database: DatabaseSync,
  { tables, names }: { tables: Pick<Tables, "scan">; names: Names },
  topicIds: ReadonlyMap<string, string> | undefined,
): Promise<void> {
  const set = database.prepare(
    "update committed set tables_to = ? where service = ? and topic = ? and partition = ?",
  );
  for (const service of PROCESSORS) {
    for await (const rows of tables.scan({ owner: service, table: POSITIONS })) {
      for (const { input, topic_id, work_to } of rows) {
        const [, name = "", partition] = /^(.+)\/(\d+)$/.exec(input) ?? [];
        const topic = TOPIC_NAMES.find((topic) => names.topic(topic) === name);
        if (!topic || idsDiffer(topic_id, topicIds?.get(name) ?? null)) continue;
        set.run(Math.max(0, work_to ?? 0), service, topic, Number(partition));
      }
    }
  }
}
