/** Messages of the order topics and the dead-letter topics as rows of the audit's database. */
import type { DatabaseSync } from "node:sqlite";
import { decode } from "../../events/codec.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import {
  DEAD_LETTER_HEADERS,
  isDeadLetter,
  REPLAYED_FROM,
  RESOLUTION_HEADERS,
} from "../../kafka/dead_letters.ts";
import type { LogRecord } from "../../kafka/records.ts";
import {
  deadLetterTopicOf,
  type Names,
  type Processor,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
} from "../../topology.ts";
import { BulkInsert } from "../database.ts";
import { kindId, kindOf } from "../duties.ts";

export class MessageLoader {
  readonly #events: BulkInsert;
  readonly #broken: BulkInsert;
  readonly #mentions: BulkInsert;
  readonly #deadLetters: BulkInsert;
  readonly #resolutions: BulkInsert;
  readonly #replays: BulkInsert;

  /** @param events how many were read, by type */
  constructor(
    database: DatabaseSync,
    private readonly names: Names,
    private readonly events: Map<string, number>,
  ) {
    const insert = (table: string, columns: string) =>
      new BulkInsert(database, table, columns.split(" "));
    const place = "topic partition offset";
    this.#events = insert(
      "event_row",
      `kind_id partition offset order_id at placed_at amount_cents currency payment_id items customer_id reason`,
    );
    this.#broken = insert("broken_message", `${place} reason detail`);
    this.#mentions = insert("mention", `${place} order_id`);
    this.#deadLetters = insert(
      "dead_letter",
      "service partition offset reason source source_topic source_partition source_offset is_event",
    );
    this.#resolutions = insert(
      "resolution",
      "service partition offset at resolution of_partition of_offset",
    );
    this.#replays = insert("replay", `${place} claim service of_partition of_offset`);
  }

  addToOrders(topic: Topic, record: LogRecord): void {
    const { partition, offset, key, value, headers } = record;
    const claim = headers[REPLAYED_FROM];
    if (claim !== undefined) {
      this.#replays.add([topic, partition, offset, claim, ...this.#claimed(claim)]);
    }
    const decoded = decode(topic, key, value);
    if (!decoded.ok) {
      this.#broken.add([topic, partition, offset, decoded.fault.reason, decoded.fault.detail]);
      this.#mention(topic, record);
      return;
    }
    const { event } = decoded;
    this.events.set(event.type, (this.events.get(event.type) ?? 0) + 1);
    const says = contentsOf(event);
    const at = Date.parse(event.occurredAt);
    this.#events.add([
      kindId(kindOf(event)),
      partition,
      offset,
      event.orderId,
      at,
      "placedAt" in event ? Date.parse(event.placedAt) : at,
      says.amountCents ?? null,
      says.currency ?? null,
      says.paymentId ?? null,
      says.items ?? null,
      says.customerId ?? null,
      "reason" in event ? event.reason : null,
    ]);
  }

  addToDeadLetters(service: Processor, record: LogRecord): void {
    const { partition, offset, headers, key, value } = record;
    if (!isDeadLetter(record)) {
      this.#resolutions.add([
        service,
        partition,
        offset,
        record.timestamp,
        headers[RESOLUTION_HEADERS.resolution] ?? null,
        offsetIn(headers[RESOLUTION_HEADERS.partition]),
        offsetIn(headers[RESOLUTION_HEADERS.offset]),
      ]);
      return;
    }
    const name = headers[DEAD_LETTER_HEADERS.topic]!;
    const saidPartition = headers[DEAD_LETTER_HEADERS.partition];
    const saidOffset = headers[DEAD_LETTER_HEADERS.offset];
    const topic = TOPIC_NAMES.find((topic) => this.names.topic(topic) === name);
    const place = [offsetIn(saidPartition), offsetIn(saidOffset)] as const;
    const isKnown = topic !== undefined && place.every((number) => number !== null);
    this.#deadLetters.add([
      service,
      partition,
      offset,
      headers[DEAD_LETTER_HEADERS.reason] ?? "",
      isKnown ? `${topic} ${place[0]}@${place[1]}` : `${name} ${saidPartition}@${saidOffset}`,
      isKnown ? topic : null,
      ...isKnown ? place : [null, null],
      isKnown && decode(topic, key, value).ok ? 1 : 0,
    ]);
    this.#mention(deadLetterTopicOf(service), record);
  }

  flush(): void {
    for (
      const rows of [
        this.#events,
        this.#broken,
        this.#mentions,
        this.#deadLetters,
        this.#resolutions,
        this.#replays,
      ]
    ) rows.flush();
  }

  #mention(topic: string, { partition, offset, key, value }: LogRecord): void {
    for (const orderId of ordersNamedIn(key, value)) {
      this.#mentions.add([topic, partition, offset, orderId]);
    }
  }

  /** The dead letter that a replay claims to be; nulls for what is none. */
  #claimed(claim: string): [string | null, number | null, number | null] {
    const [, topic, partition, offset] = /^(\S+) (\d+)@(\d+)$/.exec(claim) ?? [];
    const service = PROCESSORS.find((service) =>
      claim.startsWith(`${this.names.topic(deadLetterTopicOf(service))} `)
    );
    return [service ?? null, topic ? Number(partition) : null, topic ? Number(offset) : null];
  }
}

/** An offset or partition number; null for what is none. */
function offsetIn(text: string | undefined): number | null {
  const number = Number(text ?? NaN);
  return Number.isSafeInteger(number) ? number : null;
}

interface Contents {
  readonly amountCents?: number;
  readonly currency?: string;
  readonly paymentId?: string;
  readonly items?: string;
  readonly customerId?: string;
}

/** What an event says of its order's money and pieces. */
function contentsOf(event: OrderEvent): Contents {
  switch (event.type) {
    case "OrderPlaced":
    case "OrderValidated":
      return {
        amountCents: event.totalCents,
        currency: event.currency,
        items: piecesByProduct(event.items.map((item) => [item.productId, item.quantity])),
        customerId: event.type === "OrderPlaced" ? event.customerId : event.customer.customerId,
      };
    case "InventoryUpdated": {
      const sign = event.action === "reserved" ? -1 : 1;
      return {
        items: piecesByProduct(event.changes.map((c) => [c.productId, sign * c.delta])),
      };
    }
    case "PaymentProcessed":
    case "PaymentFailed":
    case "PaymentRefunded":
      return {
        amountCents: event.amountCents,
        currency: event.currency,
        paymentId: event.paymentId,
      };
    case "OrderConfirmed":
    case "OrderCancelled":
      return { amountCents: event.totalCents, currency: event.currency };
    default:
      return {};
  }
}

/**
 * One text for the same pieces, whatever the order of the lines, and whether a product's pieces are in one
 * line or in several.
 *
 * @returns a JSON object, pieces by product
 */
export function piecesByProduct(
  lines: readonly (readonly [productId: string, pieces: number])[],
): string {
  const pieces = new Map<string, number>();
  for (const [productId, count] of lines) {
    pieces.set(productId, (pieces.get(productId) ?? 0) + count);
  }
  const sorted = [...pieces].sort(([a], [b]) => a < b ? -1 : 1);
  return `{${
    sorted.map(([id, count]) => `${JSON.stringify(id)}:${JSON.stringify(count)}`).join()
  }}`;
}

// Which order a message that may be broken is about.

const ID = /^[A-Za-z0-9_.-]{1,64}$/;
/** Enough for an id anywhere in a message of the largest size that is read; beyond it, only the key. */
const MAX_PARSED_BYTES = 64 * 1024;

const utf8 = new TextDecoder();

/** The ids that its key and its `orderId` name, where they can be read: none, one or two. */
export function ordersNamedIn(key: Uint8Array | null, value: Uint8Array | null): Set<string> {
  const names = new Set<string>();
  const add = (text: unknown) => {
    if (typeof text === "string" && ID.test(text)) names.add(text);
  };
  if (key !== null && key.length <= 64) add(utf8.decode(key));
  if (value !== null && value.length <= MAX_PARSED_BYTES) {
    try {
      add(JSON.parse(utf8.decode(value))?.orderId);
    } catch {
      // Not JSON: then only the key can tell.
    }
  }
  return names;
}
