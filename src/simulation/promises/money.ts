/** G4: what was charged, less what was refunded, is what confirmed orders cost; nobody is charged twice. */
import { charges, refunds } from "../../services/payment/gateway_ledger.ts";
import { payments } from "../../services/payment/store.ts";
import {
  type Broken,
  eventOf,
  type Evidence,
  type Histories,
  type OrderHistory,
} from "./evidence.ts";

export function checkMoney(evidence: Evidence, { orders }: Histories, broken: Broken): void {
  const sums = { processed: 0, refunded: 0, confirmed: 0, charged: 0, givenBack: 0 };
  for (const history of orders.values()) {
    for (const event of history.events.get("PaymentProcessed") ?? []) {
      if (event.type === "PaymentProcessed") sums.processed += event.amountCents;
    }
    for (const event of history.events.get("PaymentRefunded") ?? []) {
      if (event.type === "PaymentRefunded") sums.refunded += event.amountCents;
    }
    for (const event of history.events.get("OrderConfirmed") ?? []) {
      if (event.type === "OrderConfirmed") sums.confirmed += event.totalCents;
    }
    checkAmounts(history, broken);
  }
  for (const row of evidence.rows("gateway", charges)) {
    const { idempotency_key: orderId, status, amount_cents, refunded_cents } = row;
    if (status === "charged") sums.charged += amount_cents!;
    const history = orders.get(orderId);
    const wanted = history && chargeOf(history);
    const found = `${status}, ${refunded_cents! > 0 ? "refunded" : "not refunded"}`;
    if (wanted !== found) {
      broken(
        "G4",
        `${orderId} is ${found} at the gateway; by its events ${wanted ?? "nothing"}`,
        orderId,
      );
    }
  }
  for (const row of evidence.rows("gateway", refunds)) sums.givenBack += row.amount_cents!;
  compare("processed less refunded", sums.processed - sums.refunded, "confirmed", sums.confirmed);
  compare("charged", sums.charged, "processed", sums.processed);
  compare("given back by the gateway", sums.givenBack, "refunded", sums.refunded);
  checkPayments(evidence, orders, broken);

  function compare(what: string, cents: number, other: string, otherCents: number): void {
    if (cents !== otherCents) broken("G4", `${cents} cents ${what}, but ${otherCents} ${other}`);
  }
}

/** All of an order's events name the same sum. */
function checkAmounts({ orderId, placed, events }: OrderHistory, broken: Broken): void {
  const total = placed[0]?.totalCents;
  for (const [kind, all] of events) {
    for (const event of all) {
      const cents = "totalCents" in event
        ? event.totalCents
        : "amountCents" in event
        ? event.amountCents
        : total;
      if (cents === total) continue;
      broken("G4", `${orderId} costs ${total} cents, but its ${kind} says ${cents}`, orderId);
    }
  }
}

function chargeOf(history: OrderHistory): string | undefined {
  if (eventOf(history, "PaymentRefunded")) return "charged, refunded";
  if (eventOf(history, "PaymentProcessed")) return "charged, not refunded";
  return eventOf(history, "PaymentFailed") ? "declined, not refunded" : undefined;
}

function checkPayments(
  evidence: Evidence,
  orders: ReadonlyMap<string, OrderHistory>,
  broken: Broken,
): void {
  const rows = new Map(evidence.rows("payment", payments).map((row) => [row.order_id, row.state]));
  const charged = new Set(evidence.rows("gateway", charges).map((row) => row.idempotency_key));
  for (const orderId of new Set([...rows.keys(), ...orders.keys()])) {
    const history = orders.get(orderId);
    const [state, byEvents] = [rows.get(orderId), history && stateOf(history)];
    if (state !== byEvents) {
      broken(
        "G4",
        `${orderId}: the payment is ${state ?? "missing"} in the table, ${
          byEvents ?? "nothing"
        } by its events`,
        orderId,
      );
    }
    if (byEvents && !charged.has(orderId)) {
      broken("G4", `${orderId} is ${byEvents}, and unknown to the gateway`, orderId);
    }
  }
}

function stateOf({ events }: OrderHistory): string | undefined {
  if (events.has("PaymentRefunded")) return "refunded";
  if (events.has("PaymentProcessed")) return "processed";
  return events.has("PaymentFailed") ? "failed" : undefined;
}
