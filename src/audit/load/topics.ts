/**
 * Loads the order topics and the dead-letter topics: against the flow, effects before causes, so that of
 * whatever is met the cause is there to be met, even while the services work.
 */
import type { DatabaseSync } from "node:sqlite";
import type { LocatedUnreadable } from "../../kafka/protocol/unreadable.ts";
import type { LogReader } from "../../kafka/readers/log_reader.ts";
import type { LogRecord } from "../../kafka/records.ts";
import {
  type DeadLetterTopic,
  deadLetterTopicOf,
  type Names,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
} from "../../topology.ts";
import { BulkInsert } from "../database.ts";
import { MessageLoader } from "./messages.ts";

export interface TopicsSource {
  readonly reader: Pick<LogReader, "ends" | "partitionsOf" | "read">;
  readonly names: Names;
  readonly signal?: AbortSignal;
}

/** Offsets by topic and partition: what lies before them is judged. */
export type Cut = ReadonlyMap<Topic, ReadonlyMap<number, number>>;

/** Where the order topics end now. */
export async function endsNow({ reader, names }: TopicsSource): Promise<Cut> {
  const cut = new Map<Topic, Map<number, number>>();
  for (const topic of TOPIC_NAMES) {
    const name = names.topic(topic);
    const ends = await reader.partitionsOf(name) && await reader.ends(name);
    if (ends) cut.set(topic, new Map([...ends].map(([partition, { end }]) => [partition, end])));
  }
  return cut;
}

/**
 * @param onRecords told of each topic's name on the cluster, and how many records of it were read now
 * @returns how many events of each type there are
 */
export async function loadTopics(
  database: DatabaseSync,
  source: TopicsSource,
  cut: Cut,
  onRecords: (topic: string, records: number) => void,
): Promise<ReadonlyMap<string, number>> {
  const messages = new MessageLoader(database, source.names);
  const load = (
    topic: Topic | DeadLetterTopic,
    onRecord: (record: LogRecord) => void,
    judgedTo?: ReadonlyMap<number, number>,
  ) => loadTopic(database, source, topic, { onRecord, onRecords, judgedTo });
  for (const service of PROCESSORS) {
    await load(
      deadLetterTopicOf(service),
      (record) => messages.addToDeadLetters(service, record),
    );
  }
  for (const topic of TOPIC_NAMES.toReversed()) {
    await load(topic, (record) => messages.addToOrders(topic, record), cut.get(topic));
  }
  messages.flush();
  return messages.events;
}

async function loadTopic(
  database: DatabaseSync,
  { reader, names, signal }: TopicsSource,
  topic: Topic | DeadLetterTopic,
  { onRecord, onRecords, judgedTo }: {
    onRecord: (record: LogRecord) => void;
    onRecords: (topic: string, records: number) => void;
    judgedTo: ReadonlyMap<number, number> | undefined;
  },
): Promise<void> {
  const name = names.topic(topic);
  const insert = (table: string, columns: string) =>
    new BulkInsert(database, table, columns.split(" "));
  const log = insert("log", "topic partition first first_at cut end messages");
  const ends = await reader.partitionsOf(name) && await reader.ends(name);
  if (!ends) {
    log.add([topic, null, null, null, null, null, 0]);
    return log.flush();
  }
  const unreadable = insert("unreadable_batch", "topic partition first next why");
  const onUnreadable = ({ partition, offset, next, why }: LocatedUnreadable) =>
    unreadable.add([topic, partition, offset, next, why]);
  const counts = new Map<number, number>();
  const firstAt = new Map<number, number>();
  const partitions = [...ends.keys()];
  for await (const records of reader.read(name, { partitions, onUnreadable, signal })) {
    for (const record of records) {
      const { partition, timestamp } = record;
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
      if (!firstAt.has(partition)) firstAt.set(partition, timestamp);
      onRecord(record);
    }
    onRecords(name, records.length);
  }
  for (const [partition, { first, end }] of ends) {
    const at = firstAt.get(partition) ?? null;
    const judged = judgedTo?.get(partition) ?? end;
    log.add([topic, partition, first, at, judged, end, counts.get(partition) ?? 0]);
  }
  log.flush();
  unreadable.flush();
}
