/**
 * Messages that are no orders: each is broken in one way, which its dead letter will name.
 *
 * Whatever is wrong with it, a message names its order, so that the audit can account for it: its key
 * is the orderId, or, where the key is what is missing, the value is a whole order.
 */
import type { DeadLetterReason } from "../../../events/reasons.ts";
import { MAX_VALUE_BYTES, type OrderPlaced } from "../../../events/schemas.ts";
import type { Random } from "./random.ts";

/** What a message can be dead for by itself. */
export type BrokenReason = Exclude<
  DeadLetterReason,
  "duplicate_order" | "processing_failed" | "unreadable"
>;

export interface KeyAndValue {
  readonly key: string | null;
  readonly value: Uint8Array | null;
}

const utf8 = new TextEncoder();

/** Makes a message of an order that is broken in this way. */
export const BREAK: Record<BrokenReason, (order: OrderPlaced, random: Random) => KeyAndValue> = {
  empty_value: ({ orderId }, random) => ({
    key: orderId,
    value: random.below(2) === 0 ? null : new Uint8Array(),
  }),
  too_large: (order) => message(order, { customerId: "x".repeat(MAX_VALUE_BYTES) }),
  invalid_utf8: (order) => {
    const value = toBytes(order);
    // A byte that no UTF-8 text has, in the middle of the order.
    value[value.length >> 1] = 0xff;
    return { key: order.orderId, value };
  },
  invalid_json: (order, random) => {
    const value = toBytes(order);
    return { key: order.orderId, value: value.subarray(0, 1 + random.below(value.length - 1)) };
  },
  unknown_type: (order) => message(order, { type: "OrderWished" }),
  unknown_version: (order) => message(order, { version: 2 }),
  wrong_shape: (order, random) =>
    message(
      order,
      random.pick([{ items: "all" }, { totalCents: "free" }, { customerId: null }, { coupon: 1 }]),
    ),
  missing_key: (order) => ({ key: null, value: toBytes(order) }),
  key_mismatch: (order) => message(order, { orderId: `other.than.${order.orderId}` }),
};

export const BROKEN_REASONS = Object.keys(BREAK) as BrokenReason[];

/** The order with something changed, under its own key. */
function message(order: OrderPlaced, change: Record<string, unknown>): KeyAndValue {
  return { key: order.orderId, value: toBytes({ ...order, ...change }) };
}

function toBytes(value: object): Uint8Array {
  return utf8.encode(JSON.stringify(value));
}
