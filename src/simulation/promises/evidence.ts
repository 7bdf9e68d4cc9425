/** What a schedule leaves behind, and what of it belongs to which order. */
import { decode, type Fault } from "../../events/codec.ts";
import type { OrderEvent, OrderPlaced } from "../../events/schemas.ts";
import type { LogRecord } from "../../kafka/records.ts";
import type { Row, Table } from "../../database/database.ts";
import { type Topic, TOPIC_NAMES } from "../../topology.ts";
import type { Violation } from "../result.ts";
import type { SimulatedService } from "../services.ts";

/** Notes what breaks a promise, in one line. */
export type Broken = (promise: string, what: string, ...orders: string[]) => void;

/** A message that the order source sent. */
export interface PlacedMessage {
  readonly orderId: string;
  /** Its trace header, which no other message has. */
  readonly traceparent: string;
  acknowledged: boolean;
}

/** Where the log of a partition ends, and a group is. */
export interface PartitionEnd {
  readonly topic: Topic;
  readonly partition: number;
  /** After its last committed message. */
  readonly messagesEnd: number;
  /** After its last record of any kind. */
  readonly end: number;
  /** By service that reads it; absent: nothing. */
  readonly committed: ReadonlyMap<SimulatedService, number>;
}

/** Once everything is quiet. Topics have the names of the topology. */
export interface Evidence {
  /** Whether an event or a dead letter may be published again: at least once is what was asked for. */
  readonly mayRepeat?: boolean;
  readonly placed: readonly PlacedMessage[];
  /** All that was ever committed, also what was deleted since; each partition in order. */
  records(topic: Topic): readonly LogRecord[];
  deadLetters(service: SimulatedService): readonly LogRecord[];
  /** What the copier has written to each of its topics; each partition in order. */
  readonly copies: readonly (readonly LogRecord[])[];
  rows<T extends Table>(owner: string, table: T): Row<T>[];
  readonly ends: readonly PartitionEnd[];
}

/** An event, and where it is. */
export type Located<E extends OrderEvent = OrderEvent> = E & {
  readonly at: { readonly topic: Topic; readonly partition: number; readonly offset: number };
};

export interface OrderHistory {
  readonly orderId: string;
  /** Its messages of orders.raw: the first, and copies of it. */
  readonly placed: Located<OrderPlaced>[];
  /** By type and, of InventoryUpdated, action; in the order of each log. */
  readonly events: Map<EventKind, Located[]>;
}

export type EventKind =
  | Exclude<OrderEvent["type"], "InventoryUpdated" | "OrderPlaced">
  | "Reserved"
  | "Released";
type EventOf<K extends EventKind> = K extends "Reserved" | "Released"
  ? Extract<OrderEvent, { type: "InventoryUpdated" }>
  : Extract<OrderEvent, { type: K }>;

/** The first event of a kind. */
export function eventOf<K extends EventKind>(
  { events }: OrderHistory,
  kind: K,
): Located<EventOf<K>> | undefined {
  return events.get(kind)?.[0] as Located<EventOf<K>> | undefined;
}

/** A message of orders.raw that is no order. */
export interface BrokenMessage {
  readonly record: LogRecord;
  readonly fault: Fault;
}

export interface Histories {
  readonly orders: ReadonlyMap<string, OrderHistory>;
  readonly broken: readonly BrokenMessage[];
  /** Trace headers of all messages of orders.raw. */
  readonly traces: ReadonlySet<string | undefined>;
}

const utf8 = new TextDecoder();

/** @param violations gets a line for each event that cannot be read */
export function historiesOf(evidence: Evidence, violations: Violation[]): Histories {
  const orders = new Map<string, OrderHistory>();
  const broken: BrokenMessage[] = [];
  const traces = new Set<string | undefined>();
  const historyOf = (orderId: string) => {
    let history = orders.get(orderId);
    if (!history) orders.set(orderId, history = { orderId, placed: [], events: new Map() });
    return history;
  };
  for (const record of evidence.records("orders.raw")) {
    traces.add(record.headers.traceparent);
    const decoded = decode("orders.raw", record.key, record.value);
    if (!decoded.ok) {
      broken.push({ record, fault: decoded.fault });
      continue;
    }
    const event = located(decoded.event as OrderPlaced, "orders.raw", record);
    historyOf(event.orderId).placed.push(event);
  }
  for (const topic of TOPIC_NAMES) {
    if (topic === "orders.raw") continue;
    for (const record of evidence.records(topic)) {
      const text = utf8.decode(record.value ?? undefined);
      const event = parsed(text);
      if (!event) {
        const what = `${placeOf(topic, record)} is no event: ${text.slice(0, 80)}`;
        violations.push({ promise: "G2", what, orders: [] });
        continue;
      }
      const { events } = historyOf(event.orderId);
      const kind = kindOf(event);
      const all = events.get(kind);
      if (!all) events.set(kind, [located(event, topic, record)]);
      else if (!evidence.mayRepeat) all.push(located(event, topic, record));
    }
  }
  return { orders, broken, traces };
}

export function placeOf(
  topic: string,
  { partition, offset }: Pick<LogRecord, "partition" | "offset">,
): string {
  return `${topic} ${partition}@${offset}`;
}

function parsed(text: string): OrderEvent | undefined {
  try {
    const event: OrderEvent = JSON.parse(text);
    return typeof event.orderId === "string" && typeof event.type === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

function located<E extends OrderEvent>(
  event: E,
  topic: Topic,
  { partition, offset }: LogRecord,
): Located<E> {
  return { ...event, at: { topic, partition, offset } };
}

function kindOf(event: OrderEvent): EventKind {
  if (event.type !== "InventoryUpdated") return event.type as EventKind;
  return event.action === "reserved" ? "Reserved" : "Released";
}
