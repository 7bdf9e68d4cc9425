/** From a provider's answer to what is recorded and published. Pure. */
import type { PaymentFailureReason } from "../../events/reasons.ts";
import {
  eventId,
  type OrderValidated,
  type PaymentFailed,
  type PaymentProcessed,
  type PaymentRefunded,
} from "../../events/schemas.ts";
import type { ChargeAnswer } from "./gateway.ts";

/** What became of an order's payment. Times are ISO 8601. */
export type Payment =
  & {
    readonly orderId: string;
    readonly paymentId: string;
    readonly amountCents: number;
    readonly currency: string;
    readonly placedAt: string;
    /** When the provider's answer was there. */
    readonly occurredAt: string;
  }
  & (
    | { readonly state: "processed" }
    | { readonly state: "failed"; readonly reason: PaymentFailureReason; readonly detail: string }
    | { readonly state: "refunded"; readonly refundedAt: string }
  );

export type RefundedPayment = Extract<Payment, { state: "refunded" }>;

/** @param occurredAt when the answer was there */
export function toPayment(
  order: OrderValidated,
  answer: ChargeAnswer,
  occurredAt: string,
): Payment {
  const common = {
    orderId: order.orderId,
    paymentId: answer.paymentId,
    amountCents: order.totalCents,
    currency: order.currency,
    placedAt: order.placedAt,
    occurredAt,
  };
  switch (answer.status) {
    case "charged":
      return { ...common, state: "processed" };
    case "declined":
      return { ...common, state: "failed", reason: answer.reason, detail: answer.detail };
    default:
      return answer satisfies never;
  }
}

/** What is published about the charge; a later refund does not change it. */
export function chargeEvent(payment: Payment): PaymentProcessed | PaymentFailed {
  const common = { ...money(payment), occurredAt: payment.occurredAt };
  switch (payment.state) {
    case "processed":
    case "refunded":
      return {
        type: "PaymentProcessed",
        eventId: eventId(payment.orderId, "PaymentProcessed"),
        ...common,
      };
    case "failed":
      return {
        type: "PaymentFailed",
        eventId: eventId(payment.orderId, "PaymentFailed"),
        ...common,
        reason: payment.reason,
        detail: payment.detail,
      };
    default:
      return payment satisfies never;
  }
}

/** What is published about the refund. */
export function refundEvent(payment: RefundedPayment): PaymentRefunded {
  return {
    type: "PaymentRefunded",
    eventId: eventId(payment.orderId, "PaymentRefunded"),
    ...money(payment),
    occurredAt: payment.refundedAt,
  };
}

function money({ orderId, placedAt, paymentId, amountCents, currency }: Payment) {
  return { version: 1 as const, orderId, placedAt, paymentId, amountCents, currency };
}
