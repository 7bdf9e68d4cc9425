/** Once all is quiet: groups have read everything, and tables agree with groups and events. */
import { inputOf, positions } from "../../database/positions.ts";
import { joins } from "../../services/fulfillment/store.ts";
import { processedOrders } from "../../services/validator/store.ts";
import { PROCESSORS, topicsReadBy } from "../../topology.ts";
import { type Broken, eventOf, type Evidence, type Histories } from "./evidence.ts";

/** Whether each group has read all messages of its topics. */
export function hasReadAll({ ends }: Pick<Evidence, "ends">): boolean {
  return ends.every(({ topic, messagesEnd, committed }) =>
    messagesEnd === 0 ||
    PROCESSORS.every((service) =>
      !topicsReadBy(service).includes(topic) || (committed.get(service) ?? 0) >= messagesEnd
    )
  );
}

export function checkOffsets(evidence: Evidence, broken: Broken): void {
  for (const service of PROCESSORS) {
    const rows = new Map(evidence.rows(service, positions).map((row) => [row.input, row]));
    for (const { topic, partition, messagesEnd, end, committed } of evidence.ends) {
      if (!topicsReadBy(service).includes(topic)) continue;
      const offset = committed.get(service);
      const who = `${service} at ${topic} ${partition}`;
      if ((offset ?? 0) < messagesEnd || (offset ?? 0) > end) {
        broken("G1", `${who}: committed ${offset ?? "nothing"}, and the log ends at ${end}`);
      }
      const row = rows.get(inputOf(topic, partition));
      if (row && offset !== undefined && (row.work_from! > offset || row.work_to! < offset)) {
        const range = `${row.work_from} to ${row.work_to}`;
        broken("G6", `${who}: committed ${offset}, and its tables are at ${range}`);
      }
    }
  }
}

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
