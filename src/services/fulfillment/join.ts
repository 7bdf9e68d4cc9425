/**
 * The join of an order's two halves, what the stock said and what the payment said, and the decision
 * that follows when both are there. Pure: whichever half comes first, the outcome is the same.
 */
import type { CancellationReason } from "../../events/reasons.ts";
import {
  eventId,
  type InventoryRejected,
  type InventoryUpdated,
  type OrderCancelled,
  type OrderConfirmed,
  type PaymentFailed,
  type PaymentProcessed,
  type PaymentRefunded,
} from "../../events/schemas.ts";

/** What fulfillment reads. */
export type HalfEvent =
  | InventoryUpdated
  | InventoryRejected
  | PaymentProcessed
  | PaymentFailed
  | PaymentRefunded;

/** One side's answer: agreed, or why not. */
export type Answer =
  | { readonly agreed: true }
  | { readonly agreed: false; readonly reason: CancellationReason; readonly detail: string };

/** What is known of an order so far. */
export interface Join {
  readonly stock?: Answer;
  readonly payment?: Answer & { readonly amountCents: number; readonly currency: string };
}

const AGREED: Answer = { agreed: true };

/**
 * What is known after `event`. Releases and refunds follow an outcome and change nothing; `undefined`
 * says so.
 */
export function evolve(join: Join, event: HalfEvent): Join | undefined {
  switch (event.type) {
    case "InventoryUpdated":
      return event.action === "reserved" ? { ...join, stock: AGREED } : undefined;
    case "InventoryRejected":
      return { ...join, stock: { agreed: false, reason: event.reason, detail: event.detail } };
    case "PaymentProcessed": {
      const { amountCents, currency } = event;
      return { ...join, payment: { agreed: true, amountCents, currency } };
    }
    case "PaymentFailed": {
      const { reason, detail, amountCents, currency } = event;
      return { ...join, payment: { agreed: false, reason, detail, amountCents, currency } };
    }
    case "PaymentRefunded":
      return undefined;
    default:
      return event satisfies never;
  }
}

/**
 * The order's outcome once both halves are there, undefined before.
 *
 * @param occurredAt when the second half was joined, ISO 8601
 */
export function decide(
  join: Join,
  order: { readonly orderId: string; readonly placedAt: string },
  occurredAt: string,
): OrderConfirmed | OrderCancelled | undefined {
  const { stock, payment } = join;
  if (!stock || !payment) return undefined;
  const common = {
    version: 1 as const,
    orderId: order.orderId,
    occurredAt,
    placedAt: order.placedAt,
    totalCents: payment.amountCents,
    currency: payment.currency,
  };
  // If both refuse, the stock's reason is told: it is the shop's, not the customer's.
  const refusal = !stock.agreed ? stock : !payment.agreed ? payment : undefined;
  return refusal
    ? {
      type: "OrderCancelled",
      ...common,
      eventId: eventId(order.orderId, "OrderCancelled"),
      reason: refusal.reason,
      detail: refusal.detail,
    }
    : { type: "OrderConfirmed", ...common, eventId: eventId(order.orderId, "OrderConfirmed") };
}
