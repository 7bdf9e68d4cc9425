/**
 * A world for the audit's tests: a log and tables, filled by hand (orders.ts) and open to be
 * spoiled. The audit reads it through its own interfaces.
 */
import { encode } from "../../events/codec.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import type { DeadLetterReason } from "../../events/reasons.ts";
import { RESOLUTION_HEADERS, toDeadLetterMessage } from "../../kafka/dead_letters.ts";
import type { LogReader } from "../../kafka/readers/log_reader.ts";
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
import type { Tables } from "../../services/tables.ts";
import { audit, type AuditOptions, type AuditReport } from "../audit.ts";
import { type CheckName, CHECKS } from "../findings.ts";
import type { Check } from "../checks.ts";

export type TestRow = Record<string, string | number | null>;
export type TableName =
  | "runs"
  | "placements"
  | "stock"
  | "reservations"
  | "payments"
  | "charges"
  | "joins";

export interface World {
  readonly names: Names;
  /** In the order of writing; spoil it as you like. */
  records: LogRecord[];
  /** The offset after the last record that there ever was, by topic and partition: see `placeIn`. */
  readonly ends: Map<string, number>;
  /** What the groups have committed, by service and `placeIn`: everything, as it is appended. */
  readonly committed: Record<Processor, Map<string, number>>;
  readonly tables: Record<TableName, TestRow[]>;
}

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

/** When everything in a world happens. */
export const AT = "2026-01-01T00:00:00.000Z";

/** Appends an event to its topic. */
export function appendEvent(
  world: World,
  event: OrderEvent,
  partition: number,
  headers: Record<string, string> = {},
): LogRecord {
  return appendRecord(world, topicOf(event.type), partition, event.orderId, encode(event), headers);
}

/** Appends any message to an order topic. */
export function appendRecord(
  world: World,
  topic: Topic,
  partition: number,
  key: string | null,
  value: Uint8Array | null,
  headers: Record<string, string> = {},
): LogRecord {
  return append(world, world.names.topic(topic), partition, {
    key: key === null ? null : new TextEncoder().encode(key),
    value,
    headers,
  });
}

/** Appends a copy of a record to its partition. */
export function appendCopy(world: World, record: LogRecord): LogRecord {
  return append(world, record.topic, record.partition, record);
}

/**
 * Appends any message to any topic.
 *
 * @param topic its name on the cluster
 */
export function append(
  world: World,
  topic: string,
  partition: number,
  { key, value, headers }: Pick<LogRecord, "key" | "value" | "headers">,
): LogRecord {
  const place = placeIn(topic, partition);
  const offset = world.ends.get(place) ?? 0;
  world.ends.set(place, offset + 1);
  for (const service of PROCESSORS) {
    const reads = topicsReadBy(service).some((name) => world.names.topic(name) === topic);
    if (reads) world.committed[service].set(place, offset + 1);
  }
  const record = { topic, partition, offset, timestamp: Date.parse(AT), key, value, headers };
  world.records.push(record);
  return record;
}

/** Writes a service's dead letter for a message. */
export function bury(
  world: World,
  service: Processor,
  raw: LogRecord,
  reason: DeadLetterReason,
): LogRecord {
  const { names } = world;
  const topic = TOPIC_NAMES.find((topic) => names.topic(topic) === raw.topic)!;
  const letter = { topic, partition: raw.partition, raw, fault: { reason, detail: "" } };
  const from = { topic: raw.topic, group: names.group(service), attempts: 1, time: AT };
  const { headers } = toDeadLetterMessage(letter, from);
  return append(world, names.topic(deadLetterTopicOf(service)), 0, {
    key: raw.key,
    value: raw.value,
    headers: headers as Record<string, string>,
  });
}

/**
 * Writes a person's verdict on a dead letter.
 *
 * @returns the headers of its replay
 */
export function judge(
  world: World,
  letter: LogRecord,
  verdict: "replayed" | "discarded",
): Record<string, string> {
  append(world, letter.topic, 0, {
    key: letter.key,
    value: null,
    headers: {
      [RESOLUTION_HEADERS.verdict]: verdict,
      [RESOLUTION_HEADERS.partition]: String(letter.partition),
      [RESOLUTION_HEADERS.offset]: String(letter.offset),
      [RESOLUTION_HEADERS.time]: AT,
    },
  });
  return { "replayed-from": `${letter.topic} ${letter.partition}@${letter.offset}` };
}

/** The records of an order's events of one type, in the order of the log. */
export function eventsOf(world: World, n: number, type: OrderEvent["type"]): LogRecord[] {
  return world.records.filter((record) => {
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

function isDeadLetterTopic(topic: string): boolean {
  return topic.includes("dlq.");
}

/** Replaces what a record holds. */
export function rewrite(world: World, record: LogRecord, change: object): void {
  const event = { ...eventIn(record)!, ...change } as OrderEvent;
  const index = world.records.indexOf(record);
  const key = new TextEncoder().encode(event.orderId);
  world.records[index] = { ...record, key, value: encode(event) };
}

/**
 * Runs the audit over a world.
 *
 * @param options.missing a topic that is not there
 * @param options.first the first offset of topics, 0 unless said
 * @param options.committed what the groups have committed when they are asked for the nth time; what
 * the world says unless said
 */
export function auditWorld(world: World, options: {
  missing?: string;
  first?: ReadonlyMap<string, number>;
  committed?: (time: number) => World["committed"];
  patienceMs?: number;
  signal?: AbortSignal;
  onProgress?: AuditOptions["onProgress"];
} = {}): Promise<AuditReport> {
  const { names } = world;
  const topics = [...TOPIC_NAMES, ...PROCESSORS.map(deadLetterTopicOf)]
    .map((topic) => names.topic(topic))
    .filter((topic) => topic !== options.missing);
  const partitions = (topic: string) =>
    isDeadLetterTopic(topic) ? [0] : Array.from({ length: PARTITIONS }, (_, p) => p);
  const byPartition = <T>(topic: string, of: (place: string) => T | undefined) =>
    new Map(
      partitions(topic).flatMap((p) => {
        const value = of(placeIn(topic, p));
        return value === undefined ? [] : [[p, value] as const];
      }),
    );
  const reader: Pick<LogReader, "ends" | "partitionsOf" | "read"> = {
    partitionsOf: (topic) =>
      Promise.resolve(topics.includes(topic) ? partitions(topic) : undefined),
    ends(topic) {
      const first = options.first?.get(topic) ?? 0;
      return Promise.resolve(byPartition(topic, (p) => ({ first, end: world.ends.get(p) ?? 0 })));
    },
    async *read(topic) {
      yield await Promise.resolve(world.records.filter((record) => record.topic === topic));
    },
  };
  const asked: string[] = [];
  const committedOffsets = (group: string, topic: string) => {
    if (!topics.includes(topic)) return Promise.reject(new Error(`there is no topic ${topic}`));
    const service = PROCESSORS.find((service) => names.group(service) === group)!;
    const question = `${group} ${topic}`;
    const time = asked.filter((earlier) => earlier === question).length;
    asked.push(question);
    const offsets = (options.committed?.(time) ?? world.committed)[service];
    return Promise.resolve(byPartition(topic, (place) => offsets.get(place)));
  };
  const tables: Pick<Tables, "scan"> = {
    async *scan({ table }) {
      yield await Promise.resolve(world.tables[table.name as TableName]) as never;
    },
  };
  const { patienceMs = 0, signal, onProgress } = options;
  return audit({
    reader,
    committedOffsets,
    names,
    tables,
    patienceMs,
    ...signal && { signal },
    ...onProgress && { onProgress },
  });
}

/** One check of a report. */
export function checkOf({ checks }: AuditReport, name: CheckName): Check {
  const [guarantee, title] = CHECKS[name];
  return checks!.find((check) => check.guarantee === guarantee && check.title === title)!;
}
