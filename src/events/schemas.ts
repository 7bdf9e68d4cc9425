/**
 * The events: one schema each, from which the TypeScript type, the validator and the JSON Schema
 * come. A value on an order topic is one UTF-8 JSON object of one of these shapes.
 *
 * Units stand last in a name (`totalCents`); money is integer cents with a currency code; times are
 * ISO 8601, UTC, milliseconds. Schemas are closed: an unknown field is a fault of the sender.
 *
 * `OrderPlaced` comes from outside. Its schema says only what a program needs to read it; whether
 * quantities, prices and totals make sense is the validator's decision (a refusal event, not a
 * fault). The schemas of the other events, which only our own services write, say all of it.
 */
import Type, { type Static, type TSchema } from "typebox";
import {
  CANCELLATION_REASONS,
  PAYMENT_FAILURE_REASONS,
  REJECTION_REASONS,
  STOCK_REFUSAL_REASONS,
} from "./reasons.ts";

/** Largest quantity of one product in an order, pieces. */
export const MAX_QUANTITY = 1_000;
/** Largest unit price, cents. */
export const MAX_UNIT_PRICE_CENTS = 100_000_000;
/** Most items in an order. */
export const MAX_ITEMS = 100;
/** Largest value that is read at all, bytes; above it a message is a dead letter. */
export const MAX_VALUE_BYTES = 64 * 1024;

const Id = Type.String({ pattern: "^[A-Za-z0-9_.-]{1,64}$" });
/** Such that `Date.parse` understands it: a 99th month is the sender's fault, too. */
const time = (description: string) =>
  Type.String({
    pattern: "^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])" +
      "T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d\\.\\d{3}Z$",
    description,
  });
const Text = Type.String({ maxLength: 500 });
const Currency = Type.String({ pattern: "^[A-Z]{3}$" });
const Cents = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

function oneOf<const T extends readonly string[]>(words: T) {
  return Type.Unsafe<T[number]>(Type.Enum([...words]));
}

/** What every event says. */
function first<
  const T extends string,
  F extends Record<string, TSchema>,
  const V extends number = 1,
>(type: T, fields: F, version: V = 1 as V) {
  return Type.Object({
    type: Type.Literal(type),
    version: Type.Literal(version),
    eventId: Type.String({
      minLength: 1,
      maxLength: 128,
      description: "The same on every redelivery.",
    }),
    orderId: Id,
    occurredAt: time("When it happened."),
    ...fields,
  }, { additionalProperties: false });
}

/** Every event after OrderPlaced carries when the order was placed, so that latency can be read. */
export function event<
  const T extends string,
  F extends Record<string, TSchema>,
  const V extends number = 1,
>(type: T, fields: F, version: V = 1 as V) {
  return first(type, { placedAt: time("When the order was placed."), ...fields }, version);
}

export const OrderPlaced = first("OrderPlaced", {
  customerId: Type.String({ maxLength: 64 }),
  currency: Type.String({ maxLength: 8 }),
  items: Type.Array(
    Type.Object({
      productId: Type.String({ maxLength: 64 }),
      quantity: Type.Number(),
      unitPriceCents: Type.Number(),
    }, { additionalProperties: false }),
  ),
  totalCents: Type.Number(),
});

export const OrderValidated = event("OrderValidated", {
  status: Type.Literal("PENDING"),
  processingMs: Type.Number({
    minimum: 0,
    description: "From reading the order to having decided, milliseconds.",
  }),
  customer: Type.Object({
    customerId: Id,
    name: Text,
    country: Type.String({ pattern: "^[A-Z]{2}$" }),
    tier: oneOf(["standard", "gold"]),
  }, { additionalProperties: false }),
  currency: Currency,
  items: Type.Array(
    Type.Object({
      productId: Id,
      quantity: Type.Integer({ minimum: 1, maximum: MAX_QUANTITY }),
      unitPriceCents: Type.Integer({ minimum: 0, maximum: MAX_UNIT_PRICE_CENTS }),
    }, { additionalProperties: false }),
    { minItems: 1, maxItems: MAX_ITEMS },
  ),
  totalCents: Cents,
});

export const OrderRejected = event("OrderRejected", {
  reason: oneOf(REJECTION_REASONS),
  detail: Text,
});

export const InventoryUpdated = event("InventoryUpdated", {
  action: oneOf(["reserved", "released"]),
  changes: Type.Array(
    Type.Object({
      productId: Id,
      delta: Type.Integer({
        description: "Pieces: negative when reserved, positive when released.",
      }),
      remaining: Type.Integer({ minimum: 0, description: "Pieces left after this change." }),
    }, { additionalProperties: false }),
    { minItems: 1, maxItems: MAX_ITEMS, description: "One per product." },
  ),
});

export const InventoryRejected = event("InventoryRejected", {
  reason: oneOf(STOCK_REFUSAL_REASONS),
  detail: Text,
});

const payment = {
  paymentId: Type.String({
    minLength: 1,
    maxLength: 128,
    description: "The gateway's name for the charge.",
  }),
  amountCents: Cents,
  currency: Currency,
};

export const PaymentProcessed = event("PaymentProcessed", payment);

export const PaymentFailed = event("PaymentFailed", {
  ...payment,
  reason: oneOf(PAYMENT_FAILURE_REASONS),
  detail: Text,
});

export const PaymentRefunded = event("PaymentRefunded", payment);

export const OrderConfirmed = event("OrderConfirmed", {
  totalCents: Cents,
  currency: Currency,
});

export const OrderCancelled = event("OrderCancelled", {
  totalCents: Cents,
  currency: Currency,
  reason: oneOf(CANCELLATION_REASONS),
  detail: Text,
});

/** Of the events as they are written, by name; versions.ts has what is read beside them. */
export const SCHEMAS = {
  OrderPlaced,
  OrderValidated,
  OrderRejected,
  InventoryUpdated,
  InventoryRejected,
  PaymentProcessed,
  PaymentFailed,
  PaymentRefunded,
  OrderConfirmed,
  OrderCancelled,
};

export type OrderPlaced = Static<typeof OrderPlaced>;
export type OrderValidated = Static<typeof OrderValidated>;
export type OrderRejected = Static<typeof OrderRejected>;
export type InventoryUpdated = Static<typeof InventoryUpdated>;
export type InventoryRejected = Static<typeof InventoryRejected>;
export type PaymentProcessed = Static<typeof PaymentProcessed>;
export type PaymentFailed = Static<typeof PaymentFailed>;
export type PaymentRefunded = Static<typeof PaymentRefunded>;
export type OrderConfirmed = Static<typeof OrderConfirmed>;
export type OrderCancelled = Static<typeof OrderCancelled>;

export type OrderEvent = {
  [E in keyof typeof SCHEMAS]: Static<typeof SCHEMAS[E]>;
}[keyof typeof SCHEMAS];

/**
 * An event's id: what happened, to which order. An order has at most one event of each kind (and one
 * InventoryUpdated per action), so that this is unique, and the same whenever it is made again.
 */
export function eventId(orderId: string, what: string): string {
  return `${orderId}/${what}`;
}
