/** Tables that no promise has of its own: they say the same as the events. */
import { isDeepStrictEqual } from "node:util";
import { joins } from "../../services/fulfillment/store.ts";
import { processedOrders } from "../../services/validator/store.ts";
import {
  type Broken,
  eventOf,
  type Evidence,
  type Histories,
  type OrderHistory,
} from "./evidence.ts";

export function checkJoins(evidence: Evidence, { orders }: Histories, broken: Broken): void {
  const rows = new Map(evidence.rows("fulfillment", joins).map((row) => [row.order_id, row]));
  for (const [orderId, history] of orders) {
    const published = eventOf(history, "OrderConfirmed") ?? eventOf(history, "OrderCancelled");
    const stored = rows.get(orderId)?.outcome ?? undefined;
    rows.delete(orderId);
    const { at: _, ...event } = published ?? { at: undefined };
    const expected = stored === undefined ? {} : outcomeOf(history, stored);
    if (isDeepStrictEqual(event, expected)) continue;
    const says = published ? JSON.stringify(event) : "none";
    broken("G2", `${orderId}: stored outcome ${stored ?? "none"}, published ${says}`, orderId);
  }
  for (const orderId of rows.keys()) broken("G2", `${orderId} is joined without an event`, orderId);
}

/** The event that a stored outcome stands for: all the rest of it is in the events of the order. */
function outcomeOf(history: OrderHistory, stored: string): Record<string, unknown> {
  const { orderId, placed } = history;
  const { type, occurredAt } = JSON.parse(stored);
  const declined = eventOf(history, "PaymentFailed");
  const payment = eventOf(history, "PaymentProcessed") ?? declined;
  const refusal = eventOf(history, "InventoryRejected") ?? declined;
  return {
    type,
    version: 1,
    eventId: `${orderId}/${type}`,
    orderId,
    occurredAt,
    placedAt: placed[0]?.occurredAt,
    totalCents: payment?.amountCents,
    currency: payment?.currency,
    ...(refusal && { reason: refusal.reason, detail: refusal.detail }),
  };
}

export function checkSources(evidence: Evidence, { orders }: Histories, broken: Broken): void {
  const rows = evidence.rows("validator", processedOrders);
  for (const { order_id, source_partition, source_offset } of rows) {
    const known = orders.get(order_id)?.placed.some(({ at }) =>
      at.partition === source_partition && at.offset === source_offset
    );
    if (!known) {
      const place = `${source_partition}@${source_offset}`;
      broken("G2", `${order_id}: the validator took it from ${place}, where it is not`, order_id);
    }
  }
}
