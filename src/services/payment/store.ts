/**
 * The payments, one row an order. What is recorded first stays: a second answer for the same order
 * (from a redelivery, or from another process) changes nothing, and the first one is returned.
 */
import type { PaymentFailureReason } from "../../events/reasons.ts";
import { type Database, type Row, table, unreadable } from "../../database/database.ts";
import type { Payment, RefundedPayment } from "./charge.ts";

/** Of owner `payment`. */
export const payments = table("payments", "order_id", {
  order_id: "text",
  /** processed, failed or refunded. */
  state: "text",
  payment_id: "text",
  amount_cents: "integer",
  currency: "text",
  reason: "text",
  detail: "text",
  placed_at: "text",
  occurred_at: "text",
  refunded_at: "text",
});

/**
 * What is recorded, by order; an order without a payment is left out.
 *
 * @throws {RetryableError} the database does not answer
 */
export async function findPayments(
  database: Database,
  orderIds: readonly string[],
): Promise<Map<string, Payment>> {
  return byOrder(
    await database.transaction((tx) => tx.select(payments, orderIds), { single: true }),
  );
}

/**
 * Records payments, one transaction for the batch.
 *
 * @param batch of an order that comes twice, the first one counts
 * @returns what is recorded for these orders now, by order
 * @throws {RetryableError} the database does not answer
 */
export async function recordPayments(
  database: Database,
  batch: readonly Payment[],
): Promise<Map<string, Payment>> {
  if (batch.length === 0) return new Map();
  const recorded = new Map(batch.toReversed().map((payment) => [payment.orderId, payment]));
  const known = await database.transaction(
    (tx) => tx.insert(payments, batch.map(toRow)),
    { single: true },
  );
  for (const [id, payment] of byOrder(known)) recorded.set(id, payment);
  return recorded;
}

/**
 * Records refunds, one transaction for the batch; a payment that is recorded as refunded stays as it
 * is.
 *
 * @returns what is recorded for these orders now, by order
 * @throws {RetryableError} the database does not answer
 */
export async function recordRefunds(
  database: Database,
  batch: readonly RefundedPayment[],
): Promise<Map<string, Payment>> {
  if (batch.length === 0) return new Map();
  return byOrder(
    await database.transaction(async (tx) => {
      const refunded = new Map(batch.map((payment) => [payment.orderId, payment]));
      const rows = await tx.select(payments, [...refunded.keys()], { lock: true });
      const changed = rows.filter(({ state }) => state === "processed");
      for (const row of changed) {
        row.state = "refunded";
        row.refunded_at = refunded.get(row.order_id)!.refundedAt;
      }
      await tx.upsert(payments, changed);
      return rows;
    }),
  );
}

function byOrder(rows: readonly Row<typeof payments>[]): Map<string, Payment> {
  return new Map(rows.map((row) => [row.order_id, toPayment(row)]));
}

function toRow(payment: Payment): Row<typeof payments> {
  const failed = payment.state === "failed";
  return {
    order_id: payment.orderId,
    state: payment.state,
    payment_id: payment.paymentId,
    amount_cents: payment.amountCents,
    currency: payment.currency,
    reason: failed ? payment.reason : null,
    detail: failed ? payment.detail : null,
    placed_at: payment.placedAt,
    occurred_at: payment.occurredAt,
    refunded_at: payment.state === "refunded" ? payment.refundedAt : null,
  };
}

function toPayment(row: Row<typeof payments>): Payment {
  const common = {
    orderId: row.order_id,
    paymentId: row.payment_id!,
    amountCents: row.amount_cents!,
    currency: row.currency!,
    placedAt: row.placed_at!,
    occurredAt: row.occurred_at!,
  };
  const state = row.state as Payment["state"];
  switch (state) {
    case "processed":
      return { ...common, state };
    case "failed": {
      const reason = row.reason as PaymentFailureReason;
      return { ...common, state, reason, detail: row.detail! };
    }
    case "refunded":
      return { ...common, state, refundedAt: row.refunded_at! };
    default:
      state satisfies never;
      throw unreadable(payments, row, "state");
  }
}
