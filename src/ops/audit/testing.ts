/**
 * A world for the audit's tests: a log and tables, filled by hand order by order as the services would
 * fill them, and open to be spoiled. The audit reads it through its own interfaces.
 */
import { encode } from "../../events/codec.ts";
import { eventId, type OrderEvent, type OrderValidated } from "../../events/schemas.ts";
import type { DeadLetterReason } from "../../events/reasons.ts";
import { toDeadLetterMessage, VERDICT_HEADERS } from "../../stream/dead_letters.ts";
import type { LogReader, LogRecord } from "../../stream/log_reader.ts";
import {
  deadLetterTopicOf,
  Names,
  type Processor,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
  topicOf,
} from "../../topology.ts";
import type { Tables } from "../tables.ts";
import { audit, type AuditReport } from "./audit.ts";

/** What becomes of an order. */
export const FATES = [
  "confirmed",
  "out_of_stock",
  "card_declined",
  "both_refused",
  "rejected",
  "placed_twice",
  "broken",
  "broken_discarded",
  "broken_replayed",
  "failed_then_replayed",
  "parked",
] as const;
export type Fate = typeof FATES[number];

export type TestRow = Record<string, string | number | null>;
type TableName = "runs" | "stock" | "reservations" | "payments" | "charges";

export interface World {
  /** In the order of writing; spoil it as you like. */
  records: LogRecord[];
  readonly tables: Record<TableName, TestRow[]>;
}

export const RUN = "r1";
const PARTITIONS = 3;
const CURRENCIES = ["EUR", "USD"];
const names = new Names("t.");
const INITIAL = 1_000_000;
export const PRODUCTS = ["p-1", "p-2", "p-3"];

/** The id of a run's order. */
export function orderId(n: number): string {
  return `${RUN}-${String(n).padStart(6, "0")}`;
}

export function partitionOf(n: number): number {
  return n % PARTITIONS;
}

/** A world in which order n of the run has the n-th fate, and all is well. */
export function createWorld(fates: readonly Fate[]): World {
  const world: World = {
    records: [],
    tables: {
      runs: [{ run_id: RUN, acknowledged: fates.length, finished_at: "2026-01-01T00:00:00.000Z" }],
      stock: PRODUCTS.map((product_id) => ({ product_id, initial: INITIAL, on_hand: INITIAL })),
      reservations: [],
      payments: [],
      charges: [],
    },
  };
  for (const [n, fate] of fates.entries()) live(world, n, fate);
  return world;
}

const AT = "2026-01-01T00:00:00.000Z";

/** Lets an order live. */
function live(world: World, n: number, fate: Fate): void {
  const id = orderId(n);
  const partition = partitionOf(n);
  const currency = CURRENCIES[n % 2]!;
  // Two lines of one product, to be added up, and one of another.
  const [first, second] = [PRODUCTS[n % 3]!, PRODUCTS[(n + 1) % 3]!];
  const items = [
    { productId: first, quantity: 1 + n % 4, unitPriceCents: 250 },
    { productId: second, quantity: 2, unitPriceCents: 100 + n },
    { productId: first, quantity: 1, unitPriceCents: 250 },
  ];
  const totalCents = items.reduce((sum, item) => sum + item.quantity * item.unitPriceCents, 0);
  const common = { version: 1 as const, orderId: id, occurredAt: AT };
  const after = { ...common, placedAt: AT };
  const append = (event: OrderEvent, headers: Record<string, string> = {}) =>
    appendEvent(world, event, partition, headers);

  const place = (headers: Record<string, string> = {}) =>
    append({
      type: "OrderPlaced",
      eventId: eventId(id, "OrderPlaced"),
      ...common,
      customerId: "c-1",
      currency,
      items,
      totalCents,
    }, headers);
  const validate = () =>
    append(
      {
        type: "OrderValidated",
        eventId: eventId(id, "OrderValidated"),
        ...after,
        status: "PENDING",
        processingMs: 1,
        customer: { customerId: "c-1", name: "Ada", country: "GB", tier: "gold" },
        currency,
        items,
        totalCents,
      } satisfies OrderValidated,
    );

  const changes = (sign: 1 | -1) => {
    const pieces = new Map<string, number>();
    for (const { productId, quantity } of items) {
      pieces.set(productId, (pieces.get(productId) ?? 0) + quantity);
    }
    return [...pieces].map(([productId, count]) => {
      const row = world.tables.stock.find((row) => row.product_id === productId)!;
      const remaining = Number(row.on_hand) + sign * count;
      row.on_hand = remaining;
      return { productId, delta: sign * count, remaining };
    });
  };
  const reservation: TestRow = { order_id: id, state: "reserved" };
  const reserve = () => {
    world.tables.reservations.push(reservation);
    append({
      type: "InventoryUpdated",
      eventId: eventId(id, "InventoryUpdated/reserved"),
      ...after,
      action: "reserved",
      changes: changes(-1),
    });
  };
  const refuse = () => {
    reservation.state = "rejected";
    world.tables.reservations.push(reservation);
    const reason = "out_of_stock" as const;
    append({
      type: "InventoryRejected",
      eventId: eventId(id, "InventoryRejected"),
      ...after,
      reason,
      detail: "",
    });
  };
  const release = () => {
    reservation.state = "released";
    append({
      type: "InventoryUpdated",
      eventId: eventId(id, "InventoryUpdated/released"),
      ...after,
      action: "released",
      changes: changes(1),
    });
  };

  const money = { ...after, paymentId: `pay-${id}`, amountCents: totalCents, currency };
  const paid = { payment_id: money.paymentId, amount_cents: totalCents, currency };
  const payment: TestRow = { order_id: id, state: "processed", ...paid };
  const charge: TestRow = { idempotency_key: id, status: "charged", ...paid, refunded_cents: 0 };
  const bookPayment = () => {
    world.tables.payments.push(payment);
    world.tables.charges.push(charge);
  };
  const pay = () => {
    bookPayment();
    append({ type: "PaymentProcessed", eventId: eventId(id, "PaymentProcessed"), ...money });
  };
  const decline = () => {
    payment.state = "failed";
    charge.status = "declined";
    bookPayment();
    const reason = "card_declined" as const;
    append({
      type: "PaymentFailed",
      eventId: eventId(id, "PaymentFailed"),
      ...money,
      reason,
      detail: "",
    });
  };
  const refund = () => {
    payment.state = "refunded";
    charge.refunded_cents = totalCents;
    append({ type: "PaymentRefunded", eventId: eventId(id, "PaymentRefunded"), ...money });
  };

  const confirm = () =>
    append({
      type: "OrderConfirmed",
      eventId: eventId(id, "OrderConfirmed"),
      ...after,
      totalCents,
      currency,
    });
  const cancel = (reason: "out_of_stock" | "card_declined") =>
    append({
      type: "OrderCancelled",
      eventId: eventId(id, "OrderCancelled"),
      ...after,
      totalCents,
      currency,
      reason,
      detail: "",
    });
  const succeed = () => {
    validate();
    reserve();
    pay();
    confirm();
  };
  const placeBroken = (headers: Record<string, string> = {}) =>
    appendRecord(world, "orders.raw", partition, id, new TextEncoder().encode('{"type'), headers);

  switch (fate) {
    case "confirmed":
      place();
      succeed();
      break;
    case "out_of_stock":
      place();
      validate();
      refuse();
      pay();
      cancel("out_of_stock");
      refund();
      break;
    case "card_declined":
      place();
      validate();
      reserve();
      decline();
      cancel("card_declined");
      release();
      break;
    case "both_refused":
      place();
      validate();
      refuse();
      decline();
      cancel("out_of_stock");
      break;
    case "rejected":
      place();
      append({
        type: "OrderRejected",
        eventId: eventId(id, "OrderRejected"),
        ...after,
        reason: "unknown_customer",
        detail: "",
      });
      break;
    case "placed_twice":
      place();
      succeed();
      bury(world, "validator", place(), "duplicate_order");
      break;
    case "broken":
      bury(world, "validator", placeBroken(), "invalid_json");
      break;
    case "broken_discarded":
      judge(world, bury(world, "validator", placeBroken(), "invalid_json"), "discarded");
      break;
    case "broken_replayed": {
      const letter = bury(world, "validator", placeBroken(), "invalid_json");
      const headers = judge(world, letter, "replayed");
      bury(world, "validator", placeBroken(headers), "invalid_json");
      break;
    }
    case "failed_then_replayed": {
      const letter = bury(world, "validator", place(), "processing_failed");
      place(judge(world, letter, "replayed"));
      succeed();
      break;
    }
    case "parked": {
      place();
      const validated = validate();
      pay();
      bury(world, "inventory", validated, "processing_failed");
      break;
    }
    default:
      fate satisfies never;
  }
}

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
  return append(world, names.topic(topic), partition, {
    key: key === null ? null : new TextEncoder().encode(key),
    value,
    headers,
  });
}

/** Appends a copy of a record to its partition. */
export function appendCopy(world: World, record: LogRecord): LogRecord {
  return append(world, record.topic, record.partition, record);
}

function append(
  world: World,
  topic: string,
  partition: number,
  { key, value, headers }: Pick<LogRecord, "key" | "value" | "headers">,
): LogRecord {
  const last = world.records.findLast((r) => r.topic === topic && r.partition === partition);
  const offset = last ? last.offset + 1 : 0;
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
      [VERDICT_HEADERS.verdict]: verdict,
      [VERDICT_HEADERS.partition]: String(letter.partition),
      [VERDICT_HEADERS.offset]: String(letter.offset),
      [VERDICT_HEADERS.time]: AT,
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
  if (topic.startsWith(names.topic("dlq.validator").slice(0, 6)) || value === null) {
    return undefined;
  }
  try {
    return JSON.parse(new TextDecoder().decode(value));
  } catch {
    return undefined;
  }
}

/** Replaces what a record holds. */
export function rewrite(world: World, record: LogRecord, change: object): void {
  const event = { ...eventIn(record)!, ...change } as OrderEvent;
  const index = world.records.indexOf(record);
  const key = new TextEncoder().encode(event.orderId);
  world.records[index] = { ...record, key, value: encode(event) };
}

/** Runs the audit over a world. */
export function auditWorld(world: World): Promise<AuditReport> {
  const topics = [...TOPIC_NAMES, ...PROCESSORS.map(deadLetterTopicOf)].map((t) => names.topic(t));
  const partitions = (topic: string) =>
    topic.startsWith("t.dlq.") ? [0] : Array.from({ length: PARTITIONS }, (_, p) => p);
  const reader: Pick<LogReader, "ends" | "partitionsOf" | "read"> = {
    partitionsOf: (topic) =>
      Promise.resolve(topics.includes(topic) ? partitions(topic) : undefined),
    ends: (topic) =>
      Promise.resolve(new Map(partitions(topic).map((p) => [p, { first: 0, end: 0 }]))),
    async *read(topic) {
      yield await Promise.resolve(world.records.filter((record) => record.topic === topic));
    },
  };
  const tables: Pick<Tables, "scan"> = {
    async *scan({ table }) {
      yield await Promise.resolve(world.tables[table.name as TableName]) as never;
    },
  };
  return audit({ reader, names, tables });
}
