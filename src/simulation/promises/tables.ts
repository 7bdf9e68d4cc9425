/** Tables that no promise has of its own: they say the same as the events. */
import { joins } from "../../services/fulfillment/store.ts";
import { processedOrders } from "../../services/validator/store.ts";
import { type Broken, eventOf, type Evidence, type Histories } from "./evidence.ts";

export function checkJoins(evidence: Evidence, { orders }: Histories, broken: Broken): void {
  const rows = new Map(evidence.rows("fulfillment", joins).map((row) => [row.order_id, row]));
  for (const [orderId, history] of orders) {
    const outcome = eventOf(history, "OrderConfirmed") ?? eventOf(history, "OrderCancelled");
    const row = rows.get(orderId);
    rows.delete(orderId);
    if ((row?.outcome ?? undefined) === outcome?.text) continue;
    const stored = row?.outcome ?? "none";
    broken(
      "G2",
      `${orderId}: stored outcome ${stored}, published ${outcome?.text ?? "none"}`,
      orderId,
    );
  }
  for (const orderId of rows.keys()) broken("G2", `${orderId} is joined without an event`, orderId);
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
