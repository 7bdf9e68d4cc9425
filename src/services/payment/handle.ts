/**
 * The payment service's work on a batch: charges validated orders, refunds cancelled ones.
 *
 * Idempotent twice over: what is recorded here is not asked for again, and what was charged, but not
 * recorded before a crash, gets the same answer from the provider, which knows the order by its
 * idempotency key, the orderId.
 */
import type { OrderValidated } from "../../events/schemas.ts";
import { type Database } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";
import type { HandlersOf } from "../service.ts";
import { chargeEvent, type RefundedPayment, refundEvent, toPayment } from "./charge.ts";
import type { PaymentGateway } from "./gateway.ts";
import { findPayments, recordPayments, recordRefunds } from "./store.ts";

/**
 * @param options.gateway throws RetryableError when the provider does not answer
 * @param options.now the clock, epoch milliseconds
 */
export function createPaymentHandlers(options: {
  database: Database;
  gateway: PaymentGateway;
  now: () => number;
}): HandlersOf<"payment"> {
  const { database, gateway, now } = options;
  const time = () => new Date(now()).toISOString();
  return {
    async "orders.validated"(batch) {
      const orders = new Map<string, OrderValidated>();
      for (const { event } of batch) {
        if (!orders.has(event.orderId)) orders.set(event.orderId, event);
      }
      const payments = await findPayments(database, [...orders.keys()]);
      const charging = [...orders.values()].filter(({ orderId }) => !payments.has(orderId));
      const { done, failure } = await doAll(charging, async (order) => {
        const { orderId, totalCents: amountCents, currency } = order;
        const answer = await gateway.charge({ idempotencyKey: orderId, amountCents, currency });
        return toPayment(order, answer, time());
      });
      for (const [id, payment] of await recordPayments(database, done)) payments.set(id, payment);
      if (failure) throw failure;
      return { events: [...orders.keys()].map((orderId) => chargeEvent(payments.get(orderId)!)) };
    },

    async "orders.outcomes"(batch) {
      const cancelled = new Set(
        batch.flatMap(({ event }) => event.type === "OrderCancelled" ? [event.orderId] : []),
      );
      if (cancelled.size === 0) return { events: [] };
      const payments = await findPayments(database, [...cancelled]);
      const refunding = [...payments.values()].filter(({ state }) => state === "processed");
      const { done, failure } = await doAll(refunding, async (payment) => {
        const { orderId, paymentId, amountCents, currency } = payment;
        const idempotencyKey = `refund-${orderId}`;
        await gateway.refund({ idempotencyKey, paymentId, amountCents, currency });
        return { ...payment, state: "refunded", refundedAt: time() } satisfies RefundedPayment;
      });
      for (const [id, payment] of await recordRefunds(database, done)) payments.set(id, payment);
      if (failure) throw failure;
      const events = [...cancelled].flatMap((orderId) => {
        const payment = payments.get(orderId);
        return payment?.state === "refunded" ? [refundEvent(payment)] : [];
      });
      return { events };
    },
  };
}

/**
 * Does `work` for all items at once and waits for every one of them, so that what did succeed can be
 * recorded before the batch fails.
 *
 * @returns what succeeded, and one failure if there was any: RetryableError, if one of them was
 */
async function doAll<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<{ done: R[]; failure: unknown }> {
  const done: R[] = [];
  let failure: unknown;
  await Promise.all(items.map(async (item) => {
    try {
      done.push(await work(item));
    } catch (error) {
      if (failure === undefined || error instanceof RetryableError) failure = error;
    }
  }));
  return { done, failure };
}
