/**
 * Loads the order topics and the dead-letter topics: against the flow, effects before causes, so that of
 * whatever is met the cause is there to be met, even while the services work.
 */
import type { DatabaseSync } from "node:sqlite";
import type { LocatedUnreadable } from "../../kafka/protocol/unreadable.ts";
import type { LogEnd } from "../../kafka/offsets/log_ends.ts";
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
import { type Kind, typeOf } from "../duties.ts";
import { MessageLoader } from "./messages.ts";

/** The records of a fetch are in memory at once, and survive several garbage collections. */
const FETCH_BYTES = 2 * 1024 * 1024;

export interface TopicsSource {
  readonly reader: Pick<LogReader, "ends" | "partitionsOf" | "read">;
  readonly names: Names;
  /** Ids of topics, by name on the cluster; undefined where the brokers have none. */
  readonly topicIds: (
    topics: readonly string[],
  ) => Promise<ReadonlyMap<string, string> | undefined>;
  readonly signal?: AbortSignal;
}

/** Offsets by topic and partition: what lies before them is judged. */
export type Cut = ReadonlyMap<Topic, ReadonlyMap<number, number>>;

/** By partition, the offset after the last record. */
export function endOffsets(ends: ReadonlyMap<number, LogEnd>): Map<number, number> {
  return new Map([...ends].map(([partition, { end }]) => [partition, end]));
}

/** Where the order topics end now. */
export async function endsNow({ reader, names }: TopicsSource): Promise<Cut> {
  const cut = new Map<Topic, Map<number, number>>();
  for (const topic of TOPIC_NAMES) {
    const name = names.topic(topic);
    const ends = await reader.partitionsOf(name) && await reader.ends(name);
    if (ends) cut.set(topic, endOffsets(ends));
  }
  return cut;
}

/** Where a topic, by its name on the cluster, is read on, by partition. */
export type Positions = Map<string, Map<number, number>>;

/** What was read from the log before. */
export interface LogRead {
  readonly positions: Positions;
  /** Of each topic, by its name on the cluster. */
  readonly topicIds: Map<string, string>;
  /** How many messages, by topic and partition. */
  readonly counts: Map<string, number>;
  /** How many events, by type. */
  readonly events: Map<string, number>;
}

/** The log is not the one that was read before: it ends before that, or a topic has another id. */
export class LogChanged extends Error {
  override readonly name = "LogChanged";
}

/**
 * The ids of all topics, which are kept for the next audit.
 *
 * @throws {LogChanged} a topic is not the one that was read before
 */
export async function sameTopics(
  { topicIds, names }: TopicsSource,
  read: LogRead,
): Promise<ReadonlyMap<string, string> | undefined> {
  const topics = [...TOPIC_NAMES, ...PROCESSORS.map(deadLetterTopicOf)];
  const ids = await topicIds(topics.map((topic) => names.topic(topic)));
  for (const [name, id] of ids ?? []) {
    if ((read.topicIds.get(name) ?? id) !== id) {
      throw new LogChanged(`${name} was deleted and created again since it was read`);
    }
    read.topicIds.set(name, id);
  }
  return ids;
}

/**
 * Reads what was not read yet, and forgets what Kafka has deleted since.
 *
 * @param options.onRecords told of each topic's name on the cluster, and how many records of it were
 * read now
 * @throws {LogChanged} a topic is not the one that was read before
 */
export async function loadTopics(
  database: DatabaseSync,
  source: TopicsSource,
  { cut, read, onRecords }: {
    cut: Cut;
    read: LogRead;
    onRecords: (topic: string, records: number) => void;
  },
): Promise<void> {
  const isFirst = read.positions.size === 0;
  const messages = new MessageLoader(database, source.names, read.events);
  const load = (
    topic: Topic | DeadLetterTopic,
    onRecord: (record: LogRecord) => void,
    judgedTo?: ReadonlyMap<number, number>,
  ) => loadTopic(database, source, topic, { onRecord, onRecords, judgedTo, read });
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
  if (!isFirst) forgetDeleted(database, read);
  const set = database.prepare("update log set messages = ? where topic = ? and partition = ?");
  for (const [place, count] of read.counts) {
    const [topic, partition] = place.split(" ");
    set.run(count, topic!, Number(partition));
  }
}

/** Forgets the messages that Kafka has deleted since they were read. */
function forgetDeleted(database: DatabaseSync, read: LogRead): void {
  const isDeleted =
    "offset < (select first from gone g where g.topic = m.topic and g.partition = m.partition)";
  database.exec(`
create temp table gone (topic text, partition integer, first integer, primary key (topic, partition)) without rowid;
insert into gone select topic, partition, first from log where first > 0 and topic not like 'dlq.%'`);
  for (const table of ["event", "broken_message"]) {
    const counts = database.prepare(
      `select topic, partition, count(*) as n from ${table} m where ${isDeleted} group by topic, partition`,
    ).all();
    for (const { topic, partition, n } of counts) {
      const place = `${topic} ${partition}`;
      read.counts.set(place, read.counts.get(place)! - Number(n));
    }
  }
  const kinds = database.prepare(
    `select kind, count(*) as n from event m where ${isDeleted} group by kind`,
  ).all();
  for (const { kind, n } of kinds) {
    const type = typeOf(kind as Kind);
    read.events.set(type, read.events.get(type)! - Number(n));
  }
  database.exec(`delete from event_row where id in (select id from event m where ${isDeleted})`);
  for (const table of ["broken_message", "mention", "replay"]) {
    database.exec(`delete from ${table} as m where ${isDeleted}`);
  }
  database.exec(
    "delete from unreadable_batch as m where next <= " +
      "(select first from gone g where g.topic = m.topic and g.partition = m.partition)",
  );
  database.exec("drop table gone");
}

async function loadTopic(
  database: DatabaseSync,
  { reader, names, signal }: TopicsSource,
  topic: Topic | DeadLetterTopic,
  { onRecord, onRecords, judgedTo, read: { positions, counts } }: {
    onRecord: (record: LogRecord) => void;
    onRecords: (topic: string, records: number) => void;
    judgedTo: ReadonlyMap<number, number> | undefined;
    read: LogRead;
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
  const from = positions.get(name) ?? new Map<number, number>();
  const partitions = [...ends.keys()];
  for (const [partition, { end }] of ends) {
    const before = from.get(partition) ?? 0;
    if (end < before) {
      throw new LogChanged(`${name}/${partition} ends at ${end}, read to ${before}`);
    }
  }
  const firstAt = await firstTimes(reader, name, ends, from);
  const next = endOffsets(ends);
  const added = new Map<number, number>();
  const options = { partitions, from, ends, fetchBytes: FETCH_BYTES, onUnreadable, signal };
  for await (const records of reader.read(name, options)) {
    for (const record of records) {
      const { partition, offset, timestamp } = record;
      if (offset < (from.get(partition) ?? 0)) continue;
      if (!firstAt.has(partition)) firstAt.set(partition, timestamp);
      if (offset >= (next.get(partition) ?? 0)) next.set(partition, offset + 1);
      added.set(partition, (added.get(partition) ?? 0) + 1);
      onRecord(record);
    }
    onRecords(name, records.length);
  }
  for (const [partition, count] of added) {
    const place = `${topic} ${partition}`;
    counts.set(place, (counts.get(place) ?? 0) + count);
  }
  if (!signal?.aborted) positions.set(name, next);
  for (const [partition, { first, end }] of ends) {
    const at = firstAt.get(partition) ?? null;
    const judged = judgedTo?.get(partition) ?? end;
    log.add([topic, partition, first, at, judged, end, 0]);
  }
  log.flush();
  unreadable.flush();
}

/** The time of the first record of the partitions that were read before, and lost their beginning. */
async function firstTimes(
  reader: TopicsSource["reader"],
  topic: string,
  ends: ReadonlyMap<number, LogEnd>,
  from: ReadonlyMap<number, number>,
): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  for (const [partition, { first, end }] of ends) {
    if (first === 0 || first >= end || !from.has(partition)) continue;
    const onUnreadable = () => {};
    for await (
      const [record] of reader.read(topic, { partitions: [partition], ends, onUnreadable })
    ) {
      times.set(partition, record!.timestamp);
      break;
    }
  }
  return times;
}
