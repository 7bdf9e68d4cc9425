/** G3: stock is never negative, nor promised twice; what is reserved belongs to confirmed orders. */
import { reservations, stock } from "../../services/inventory/store.ts";
import {
  type Broken,
  eventOf,
  type Evidence,
  type Histories,
  type OrderHistory,
} from "./evidence.ts";

export function checkStock(evidence: Evidence, { orders }: Histories, broken: Broken): void {
  const taken = new Map<string, number>();
  const promised = new Map<string, number>();
  for (const history of orders.values()) {
    const { orderId, events } = history;
    for (const kind of ["Reserved", "Released"] as const) {
      for (const event of events.get(kind) ?? []) {
        if (event.type !== "InventoryUpdated") continue;
        for (const { productId, delta, remaining } of event.changes) {
          add(taken, productId, -delta);
          if (remaining < 0) {
            broken("G3", `${orderId} leaves ${remaining} of ${productId}`, orderId);
          }
        }
      }
    }
    if (!eventOf(history, "OrderConfirmed")) continue;
    const [placed] = history.placed;
    for (const { productId, quantity } of placed?.items ?? []) add(promised, productId, quantity);
  }
  for (const { product_id, initial, on_hand } of evidence.rows("inventory", stock)) {
    const gone = initial! - on_hand!;
    const [byEvents, byOrders] = [taken.get(product_id) ?? 0, promised.get(product_id) ?? 0];
    if (on_hand! < 0) broken("G3", `${product_id} has ${on_hand} pieces on hand`);
    if (gone !== byEvents) {
      broken("G3", `${product_id} lacks ${gone} of ${initial} pieces; by its events ${byEvents}`);
    }
    if (gone !== byOrders) {
      broken(
        "G3",
        `${product_id} lacks ${gone} of ${initial} pieces; confirmed orders have ${byOrders}`,
      );
    }
  }
  checkReservations(evidence, orders, broken);
}

function checkReservations(
  evidence: Evidence,
  orders: ReadonlyMap<string, OrderHistory>,
  broken: Broken,
): void {
  const rows = new Map(evidence.rows("inventory", reservations).map((row) => [row.order_id, row]));
  for (const [orderId, { state }] of rows) {
    const history = orders.get(orderId);
    const byEvents = history && stateOf(history);
    if (state !== byEvents) {
      broken(
        "G3",
        `${orderId} is ${state} in the table, ${byEvents ?? "nothing"} by its events`,
        orderId,
      );
    }
  }
  for (const [orderId, history] of orders) {
    if (rows.has(orderId) || stateOf(history) === undefined) continue;
    broken("G3", `${orderId} is ${stateOf(history)} by its events, and not in the table`, orderId);
  }
}

function stateOf({ events }: OrderHistory): string | undefined {
  if (events.has("Released")) return "released";
  if (events.has("Reserved")) return "reserved";
  return events.has("InventoryRejected") ? "rejected" : undefined;
}

function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value);
}
