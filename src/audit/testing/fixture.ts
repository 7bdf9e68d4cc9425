/**
 * A fixture of the audit's tests: a log and tables, filled by the scenarios, which a test may mutate.
 * The audit reads it through its own interfaces.
 */
import { encode } from "../../events/codec.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import type { DeadLetterReason } from "../../events/reasons.ts";
import { RESOLUTION_HEADERS, toDeadLetterMessage } from "../../kafka/dead_letters.ts";
import type { LogRecord } from "../../kafka/records.ts";
import {
  deadLetterTopicOf,
  Names,
  type Processor,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
  topicOf,
  topicsReadBy,
} from "../../topology.ts";
import { serviceTables } from "../../services/definitions.ts";
import type { ServiceTable } from "../../services/tables.ts";

export type TestRow = Record<string, string | number | null>;
export type TableName =
  | "runs"
  | "placements"
  | "stock"
  | "reservations"
  | "payments"
  | "charges"
  | "joins"
  | "seen_orders";

export interface Fixture {
  readonly names: Names;
  /** When what is appended now happens, epoch milliseconds. */
  nowMs: number;
  /** In the order of writing. */
  records: LogRecord[];
  /** The offset after the last record that there ever was, by topic and partition: see `placeIn`. */
  readonly ends: Map<string, number>;
  /** The first offsets that are still there, by `placeIn` (default: 0). */
  readonly firsts: Map<string, number>;
  /** What the groups have committed, by service and `placeIn`: everything, as it is appended. */
  readonly committed: Record<Processor, Map<string, number>>;
  readonly tables: Record<TableName, TestRow[]>;
  /** Rows of the services' tables of positions, by service (default: none). */
  readonly positions: Map<string, TestRow[]>;
  /** By a topic's name on the cluster (default: that name). */
  readonly topicIds: Map<string, string>;
  /** Those that the services declare. */
  serviceTables: readonly ServiceTable[];
}

/** As in the services' definitions. */
export const SERVICE_TABLES = await serviceTables();

export const RUN = "r1";
/** Of each order topic. */
export const PARTITIONS = 3;

/** The id of a run's order. */
export function orderId(n: number): string {
  return `${RUN}-${String(n).padStart(6, "0")}`;
}

export function partitionOf(n: number): number {
  return n % PARTITIONS;
}

/** @param topic its name on the cluster */
export function placeIn(topic: string, partition: number): string {
  return `${topic} ${partition}`;
}

/** When a fixture begins. */
export const AT = "2026-01-01T00:00:00.000Z";

/** Appends an event to its topic. */
export function appendEvent(
  fixture: Fixture,
  event: OrderEvent,
  partition: number,
  headers: Record<string, string> = {},
): LogRecord {
  return appendRecord(
    fixture,
    topicOf(event.type),
    partition,
    event.orderId,
    encode(event),
    headers,
  );
}

/** Appends any message to an order topic. */
export function appendRecord(
  fixture: Fixture,
  topic: Topic,
  partition: number,
  key: string | null,
  value: Uint8Array | null,
  headers: Record<string, string> = {},
): LogRecord {
  return append(fixture, fixture.names.topic(topic), partition, {
    key: key === null ? null : new TextEncoder().encode(key),
    value,
    headers,
  });
}

/** Deletes the records of the order topics that are older, as their retention does. */
export function deleteBefore(fixture: Fixture, epochMs: number): void {
  deleteRecords(fixture, ({ timestamp }) => timestamp < epochMs);
}

/** Deletes records of the order topics, and all that is before them. */
export function deleteRecords(fixture: Fixture, isDeleted: (record: LogRecord) => boolean): void {
  const { firsts } = fixture;
  for (const record of fixture.records) {
    if (isDeadLetterTopic(record.topic) || !isDeleted(record)) continue;
    const place = placeIn(record.topic, record.partition);
    firsts.set(place, Math.max(firsts.get(place) ?? 0, record.offset + 1));
  }
  fixture.records = fixture.records.filter(({ topic, partition, offset }) =>
    offset >= (firsts.get(placeIn(topic, partition)) ?? 0)
  );
}

/** Appends a copy of a record to its partition. */
export function appendCopy(fixture: Fixture, record: LogRecord): LogRecord {
  return append(fixture, record.topic, record.partition, record);
}

/**
 * Appends any message to any topic.
 *
 * @param topic its name on the cluster
 */
export function append(
  fixture: Fixture,
  topic: string,
  partition: number,
  { key, value, headers }: Pick<LogRecord, "key" | "value" | "headers">,
): LogRecord {
  const place = placeIn(topic, partition);
  const offset = fixture.ends.get(place) ?? 0;
  fixture.ends.set(place, offset + 1);
  for (const service of PROCESSORS) {
    const reads = topicsReadBy(service).some((name) => fixture.names.topic(name) === topic);
    if (reads) fixture.committed[service].set(place, offset + 1);
  }
  const record = { topic, partition, offset, timestamp: fixture.nowMs, key, value, headers };
  fixture.records.push(record);
  return record;
}

/** Writes a service's dead letter for a message. */
export function addDeadLetter(
  fixture: Fixture,
  service: Processor,
  raw: LogRecord,
  reason: DeadLetterReason,
): LogRecord {
  const { names } = fixture;
  const topic = TOPIC_NAMES.find((topic) => names.topic(topic) === raw.topic)!;
  const deadLetter = { topic, partition: raw.partition, raw, fault: { reason, detail: "" } };
  const from = { topic: raw.topic, group: names.group(service), attempts: 1, time: AT };
  const { headers } = toDeadLetterMessage(deadLetter, from);
  return append(fixture, names.topic(deadLetterTopicOf(service)), 0, {
    key: raw.key,
    value: raw.value,
    headers: headers as Record<string, string>,
  });
}

/**
 * Writes a person's resolution on a dead letter.
 *
 * @returns the headers of its replay
 */
export function addResolution(
  fixture: Fixture,
  deadLetter: LogRecord,
  resolution: "replayed" | "discarded",
): Record<string, string> {
  append(fixture, deadLetter.topic, 0, {
    key: deadLetter.key,
    value: null,
    headers: {
      [RESOLUTION_HEADERS.resolution]: resolution,
      [RESOLUTION_HEADERS.partition]: String(deadLetter.partition),
      [RESOLUTION_HEADERS.offset]: String(deadLetter.offset),
      [RESOLUTION_HEADERS.time]: AT,
    },
  });
  return { "replayed-from": `${deadLetter.topic} ${deadLetter.partition}@${deadLetter.offset}` };
}

/** The records of an order's events of one type, in the order of the log. */
export function eventsOf(fixture: Fixture, n: number, type: OrderEvent["type"]): LogRecord[] {
  return fixture.records.filter((record) => {
    const event = eventIn(record);
    return event?.type === type && event.orderId === orderId(n);
  });
}

/** The event that a record of an order topic holds; undefined for what is none. */
export function eventIn({ topic, value }: LogRecord): OrderEvent | undefined {
  if (isDeadLetterTopic(topic) || value === null) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(value));
  } catch {
    return undefined;
  }
}

export function isDeadLetterTopic(topic: string): boolean {
  return topic.includes("dlq.");
}

/** Replaces what a record holds. */
export function rewrite(fixture: Fixture, record: LogRecord, change: object): void {
  const event = { ...eventIn(record)!, ...change } as OrderEvent;
  const index = fixture.records.indexOf(record);
  const key = new TextEncoder().encode(event.orderId);
  fixture.records[index] = { ...record, key, value: encode(event) };
}
