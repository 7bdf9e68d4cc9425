/**
 * The payment service's work on a batch: charges validated orders, refunds cancelled ones.
 *
 * Idempotent twice over: what is recorded here is not asked for again, and what was charged, but not
 * recorded before a crash, gets the same answer from the provider, which knows the order by its
 * idempotency key, the orderId.
 */
import type { OrderValidated } from "../../events/schemas.ts";
import { type Database } from "../../database/database.ts";
import { together } from "../../runtime/batched.ts";
import type { HandlersOf } from "../service.ts";
import {
  chargeEvent,
  type Payment,
  type RefundedPayment,
  refundEvent,
  toPayment,
} from "./charge.ts";
import type { RefundRequest } from "./gateway.ts";
import type { GatewayClient } from "./gateway_client.ts";
import { findPayments, recordPayments, recordRefunds } from "./store.ts";

/** Begins the key of a refund: an order's charge has another. */
const REFUND = "refund-";

export function orderOfRefund({ idempotencyKey }: RefundRequest): string {
  return idempotencyKey.slice(REFUND.length);
}

/** @param options.now the clock, epoch milliseconds */
export function createPaymentHandlers(options: {
  database: Database;
  gateway: GatewayClient;
  now: () => number;
}): HandlersOf<"payment"> {
  const { database, gateway, now } = options;
  const time = isoClock(now);
  const found = together(async (orderIds: readonly string[]) => {
    const payments = await findPayments(database, orderIds);
    return orderIds.map((orderId) => payments.get(orderId));
  });
  const find = async (orderIds: readonly string[]) => {
    const payments = (await found(orderIds)).filter((payment) => payment !== undefined);
    return new Map(payments.map((payment) => [payment.orderId, payment]));
  };
  const record = together(async (done: readonly Payment[]) => {
    const payments = await recordPayments(database, done);
    return done.map(({ orderId }) => payments.get(orderId)!);
  });
  return {
    async "orders.validated"(batch) {
      const orders = new Map<string, OrderValidated>();
      for (const { event } of batch) {
        if (!orders.has(event.orderId)) orders.set(event.orderId, event);
      }
      const payments = await find([...orders.keys()]);
      const charging = [...orders.values()].filter(({ orderId }) => !payments.has(orderId));
      const requests = charging.map(({ orderId, totalCents, currency }) => {
        return { idempotencyKey: orderId, amountCents: totalCents, currency };
      });
      const done: Payment[] = [];
      const failure = await gateway.charge(requests, (answer, index) => {
        done.push(toPayment(charging[index]!, answer, time()));
      });
      for (const payment of await record(done)) payments.set(payment.orderId, payment);
      if (failure) throw failure;
      return { events: [...orders.keys()].map((orderId) => chargeEvent(payments.get(orderId)!)) };
    },

    async "orders.outcomes"(batch) {
      const cancelled = new Set(
        batch.flatMap(({ event }) => event.type === "OrderCancelled" ? [event.orderId] : []),
      );
      if (cancelled.size === 0) return { events: [] };
      const payments = await find([...cancelled]);
      const refunding = [...payments.values()].filter(({ state }) => state === "processed");
      const requests = refunding.map(({ orderId, paymentId, amountCents, currency }) => {
        return { idempotencyKey: REFUND + orderId, paymentId, amountCents, currency };
      });
      const done: RefundedPayment[] = [];
      const failure = await gateway.refund(requests, (_answer, index) => {
        done.push({ ...refunding[index]!, state: "refunded", refundedAt: time() });
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

/** Makes a text of the time no more than once a millisecond: most answers come with others. */
function isoClock(now: () => number): () => string {
  let [epochMs, text] = [NaN, ""];
  return () => {
    const present = now();
    if (present !== epochMs) [epochMs, text] = [present, new Date(present).toISOString()];
    return text;
  };
}
