/**
 * Makes the messages that the simulator places: good orders, a share of orders that are to be refused,
 * a share of messages that are no orders. Pure: a message follows from the run, the seed, its sequence
 * number and its time, whichever others are made, and in whatever batches.
 */
import { Buffer } from "node:buffer";
import { cloudEventHeaders } from "../../events/cloud_events.ts";
import { eventId, type OrderPlaced } from "../../events/schemas.ts";
import type { KeyedRecord } from "../../kafka/producer/publisher.ts";
import { mix } from "../../runtime/hash.ts";
import { breakableRules, BROKEN_REASONS, CORRUPT, INVALIDATE } from "./faulty_orders.ts";
import { type Catalog, createRandom, createShop } from "./shop.ts";

/** The shape of a run id: the dash after it ends it. */
export const RUN_ID_PATTERN = /^[A-Za-z0-9]{1,32}$/;

export interface OrderMakerOptions {
  readonly catalog: Catalog;
  readonly runId: string;
  readonly seed: number;
  /** Of Zipf's law, for the popularity of customers and products. */
  readonly zipfExponent: number;
  /** Share of the orders that break a rule. */
  readonly refusedShare: number;
  /** Share of the messages that are no orders. */
  readonly brokenShare: number;
  /** The `traceparent` of an order that is traced; undefined for any other (default: none is). */
  readonly trace?: ((orderId: string) => string | undefined) | undefined;
  /** What orders name as their source in CloudEvents headers; absent: they have none. */
  readonly cloudEventSource?: string | undefined;
}

/**
 * Makes one message.
 *
 * @param sequence its number in the run, from 0
 * @param placedAtMs when it was placed, epoch milliseconds
 */
export type OrderMaker = (sequence: number, placedAtMs: number) => KeyedRecord;

/** @throws {RangeError} the catalog has no customer who could buy a product */
export function createOrderMaker(options: OrderMakerOptions): OrderMaker {
  const { runId, seed, refusedShare, brokenShare, trace, cloudEventSource } = options;
  const shop = createShop(options.catalog, options.zipfExponent);
  const rules = breakableRules(shop);
  const random = createRandom();
  const toTime = createTimeFormat();

  return (sequence, placedAtMs) => {
    const orderId = orderIdOf(runId, sequence);
    random.begin(seed, sequence);
    const chance = random.next();
    let draft = shop.draw(random);
    if (chance < refusedShare) draft = INVALIDATE[random.pick(rules)](draft, random, shop);
    const { customerId, currency, items, totalCents } = draft;
    // Spread, it would be made, and written as JSON, half as fast.
    const order: OrderPlaced = {
      type: "OrderPlaced",
      version: 1,
      eventId: eventId(orderId, "OrderPlaced"),
      orderId,
      occurredAt: toTime(placedAtMs),
      customerId,
      currency,
      items,
      totalCents,
    };
    const headers: Record<string, string> = {
      traceparent: trace?.(orderId) ?? traceparentOf(orderId),
    };
    if (cloudEventSource) Object.assign(headers, cloudEventHeaders(order, cloudEventSource));
    if (chance >= 1 - brokenShare) {
      return { ...CORRUPT[random.pick(BROKEN_REASONS)](order, random), headers };
    }
    return { key: orderId, value: JSON.stringify(order), headers };
  };
}

/** The id of an order of a run. */
export function orderIdOf(runId: string, sequence: number): string {
  return `${runId}-${String(sequence).padStart(6, "0")}`;
}

/** The sequence number of an order of a run; undefined when the id is none of the run's. */
export function sequenceOf(runId: string, orderId: string): number | undefined {
  const sequence = Number(orderId.slice(runId.length + 1));
  // Another spelling of the number is another order.
  return orderIdOf(runId, sequence) === orderId ? sequence : undefined;
}

/** ISO 8601 of epoch milliseconds; many orders in a row are of the same millisecond. */
function createTimeFormat(): (ms: number) => string {
  let lastMs: number | undefined;
  let text = "";
  return (ms) => {
    const whole = Math.floor(ms);
    if (whole !== lastMs) text = new Date(lastMs = whole).toISOString();
    return text;
  };
}

// The W3C trace context of an order that is not traced: derived from its id. Whoever reads it learns that
// there is no span of it.

const DIGITS = Buffer.from("0123456789abcdef");
/** Version 00, not sampled; written as bytes, because a string of many parts is made of as many objects. */
const form = Buffer.from(`00-${"0".repeat(32)}-${"0".repeat(16)}-00`);
const TRACE_ID_AT = 3;
const SPAN_ID_AT = 36;

/** @returns the value of the header `traceparent` */
export function traceparentOf(orderId: string): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < orderId.length; i++) {
    const code = orderId.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995) ^ b >>> 15;
  }
  for (let n = 0; n < 3; n++) writeHex(TRACE_ID_AT + 8 * n, mix(mix(a ^ n + 1) ^ b));
  writeHex(SPAN_ID_AT, mix(mix(a ^ 5) ^ b));
  // The last bit is set: ids of zeros only are not valid.
  writeHex(TRACE_ID_AT + 24, mix(a) | 1);
  writeHex(SPAN_ID_AT + 8, mix(b) | 1);
  return form.toString("latin1");
}

function writeHex(at: number, word: number): void {
  for (let i = 0; i < 8; i++) form[at + i] = DIGITS[word >>> 28 - 4 * i & 15]!;
}
