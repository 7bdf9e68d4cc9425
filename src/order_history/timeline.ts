/**
 * The timeline of one order: what was found of it, in the order of time, each in a few words, and
 * what came of it. Pure.
 */
import { decode } from "../events/codec.ts";
import type { OrderEvent } from "../events/schemas.ts";
import {
  DEAD_LETTER_HEADERS,
  deadLetterId,
  isDeadLetter,
  REPLAYED_FROM,
  RESOLUTION_HEADERS,
  resolvedId,
} from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";
import { type Topic, TOPIC_NAMES, TOPICS } from "../topology.ts";
import { describeEvent, type OrderDeadLetter, summarize } from "./summary.ts";
import type { Found, Search } from "./find.ts";

/** One thing that happened to the order. */
export interface Step {
  /** Epoch milliseconds. */
  readonly atMs: number;
  /** Since the order was placed; where nothing says when that was, since its first step. */
  readonly sinceMs: number;
  readonly topic: Found["topic"];
  readonly partition: number;
  readonly offset: number;
  /** The event's type, `dead letter`, `replayed`, `discarded`, or `unreadable`. */
  readonly event: string;
  readonly text: string;
}

/** A row that a service keeps about the order. */
export interface TableRow {
  /** `owner.table`. */
  readonly table: string;
  readonly row: Readonly<Record<string, string | number | null>>;
}

export interface Timeline {
  readonly orderId: string;
  /** ISO 8601, or null when nothing says it. */
  readonly placedAt: string | null;
  readonly steps: readonly Step[];
  readonly rows: readonly TableRow[];
  /** What came of it, in one sentence. */
  readonly conclusion: string;
}

type Moment = Omit<Step, "sinceMs">;

/**
 * @param say what an event says
 * @returns undefined when nothing is known of the order
 */
export function buildTimeline(
  orderId: string,
  { found, partition }: Pick<Search, "found" | "partition">,
  rows: readonly TableRow[],
  say: (event: OrderEvent) => string = describeEvent,
): Timeline | undefined {
  const events: OrderEvent[] = [];
  const moments: Moment[] = [];
  const deadLetters = new Map<string, OrderDeadLetter>();
  for (const { topic, record } of found) {
    if (isOrderTopic(topic)) {
      const moment = momentOfRecord(topic, record, { orderId, home: partition, say }, events);
      if (moment) moments.push(moment);
    } else {
      const momentOf = isDeadLetter(record) ? momentOfDeadLetter : momentOfResolution;
      moments.push(momentOf(topic, record, deadLetters));
    }
  }
  if (moments.length === 0 && rows.length === 0) return undefined;
  const placedAt = placedAtOf(events);
  const placedAtMs = placedAt === null ? null : Date.parse(placedAt);
  const sorted = moments.toSorted((a, b) =>
    a.atMs - b.atMs || flowIndex(a.topic) - flowIndex(b.topic) || a.offset - b.offset
  );
  const originMs = placedAtMs ?? sorted[0]?.atMs ?? 0;
  const steps = sorted.map((moment) => ({ ...moment, sinceMs: moment.atMs - originMs }));
  return {
    orderId,
    placedAt,
    steps,
    rows,
    conclusion: summarize(events, [...deadLetters.values()], placedAtMs),
  };
}

function isOrderTopic(topic: Found["topic"]): topic is Topic {
  return topic in TOPICS;
}

function flowIndex(topic: Found["topic"]): number {
  const index = (TOPIC_NAMES as string[]).indexOf(topic);
  return index < 0 ? TOPIC_NAMES.length : index;
}

/** @returns undefined for a record that is about another order */
function momentOfRecord(
  topic: Topic,
  record: LogRecord,
  { orderId, home, say }: {
    orderId: string;
    home: number | undefined;
    say: (event: OrderEvent) => string;
  },
  events: OrderEvent[],
): Moment | undefined {
  const { partition, offset, timestamp } = record;
  const decoded = decode(topic, record.key, record.value);
  const notes: string[] = [];
  const replayedFrom = record.headers[REPLAYED_FROM];
  if (replayedFrom !== undefined) notes.push(`replayed from ${replayedFrom}`);
  if (partition !== home) notes.push(`in partition ${partition}; its key belongs to ${home}`);
  const noted = (text: string) => notes.length > 0 ? `${text} (${notes.join("; ")})` : text;
  const place = { topic, partition, offset };
  if (!decoded.ok) {
    const { reason, detail } = decoded.fault;
    return { ...place, atMs: timestamp, event: "unreadable", text: noted(`${reason}: ${detail}`) };
  }
  const { event } = decoded;
  if (event.orderId !== orderId) return undefined;
  const again = events.some((other) => kindOf(other) === kindOf(event));
  if (again) notes.push("again");
  else events.push(event);
  // A copy says when the original happened; it came when its producer sent it.
  const atMs = again || replayedFrom !== undefined ? timestamp : Date.parse(event.occurredAt);
  return { ...place, atMs, event: event.type, text: noted(say(event)) };
}

/** An order has at most one event of each kind. */
function kindOf(event: OrderEvent): string {
  return event.type === "InventoryUpdated" ? event.action : event.type;
}

/** What a person did with a dead letter. */
function momentOfResolution(
  topic: Found["topic"],
  record: LogRecord,
  deadLetters: ReadonlyMap<string, OrderDeadLetter>,
): Moment {
  const { partition, offset, headers, timestamp } = record;
  const id = resolvedId(record);
  const event = headers[RESOLUTION_HEADERS.resolution] ?? "unreadable";
  const resolved = deadLetters.get(`${topic} ${id}`);
  if (resolved) resolved.state = event;
  const text = `dead letter ${id} was ${event} by a person`;
  return { topic, partition, offset, atMs: timestamp, event, text };
}

function momentOfDeadLetter(
  topic: Found["topic"],
  { partition, offset, headers, timestamp }: LogRecord,
  deadLetters: Map<string, OrderDeadLetter>,
): Moment {
  const id = deadLetterId(partition, offset);
  const reason = headers[DEAD_LETTER_HEADERS.reason] ?? "";
  const detail = headers[DEAD_LETTER_HEADERS.detail] ?? "";
  const service = topic.slice("dlq.".length);
  deadLetters.set(`${topic} ${id}`, { service, id, reason, state: "open" });
  const source = deadLetterId(
    Number(headers[DEAD_LETTER_HEADERS.partition]),
    headers[DEAD_LETTER_HEADERS.offset] ?? "",
  );
  const time = Date.parse(headers[DEAD_LETTER_HEADERS.time] ?? "");
  return {
    ...{ topic, partition, offset },
    atMs: Number.isNaN(time) ? timestamp : time,
    event: "dead letter",
    text: `${reason}: ${detail} (it came from ${headers[DEAD_LETTER_HEADERS.topic]} ${source})`,
  };
}

function placedAtOf(events: readonly OrderEvent[]): string | null {
  for (const event of events) {
    return event.type === "OrderPlaced" ? event.occurredAt : event.placedAt;
  }
  return null;
}
