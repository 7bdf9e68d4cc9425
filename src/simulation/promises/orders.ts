/** G1 and G2: each acknowledged order has one outcome; each event answers one that is there, once. */
import { eventId } from "../../events/schemas.ts";
import {
  type Broken,
  type EventKind,
  eventOf,
  type Evidence,
  type Histories,
  type OrderHistory,
  placeOf,
} from "./evidence.ts";

const OUTCOMES: readonly EventKind[] = ["OrderConfirmed", "OrderCancelled", "OrderRejected"];

export function checkOrders(
  { placed }: Evidence,
  { orders, traces }: Histories,
  broken: Broken,
): void {
  for (const { orderId, traceparent, acknowledged } of placed) {
    if (acknowledged && !traces.has(traceparent)) {
      broken("G1", `${orderId} was acknowledged, but is not in orders.raw`, orderId);
    }
  }
  for (const history of orders.values()) {
    checkOutcome(history, broken);
    checkAnswers(history, broken);
    checkPlaces(history, broken);
  }
}

function checkOutcome({ orderId, placed, events }: OrderHistory, broken: Broken): void {
  const outcomes = OUTCOMES.flatMap((kind) => (events.get(kind) ?? []).map(() => kind));
  if (placed.length > 0 && outcomes.length === 0) {
    broken("G1", `${orderId} has no outcome; it has ${kindsOf(events)}`, orderId);
  }
  if (outcomes.length > 1) {
    broken("G1", `${orderId} has ${outcomes.length} outcomes: ${outcomes.join(", ")}`, orderId);
  }
}

function kindsOf(events: OrderHistory["events"]): string {
  return [...events.keys()].join(", ") || "no event";
}

/** Which events an order has to have, by those that it has: of two that exclude each other, one. */
function dueOf({ events }: OrderHistory): readonly EventKind[][] {
  const due: EventKind[][] = [["OrderRejected", "OrderValidated"]];
  if (!events.has("OrderValidated")) return due;
  due.push(["InventoryRejected", "Reserved"], ["PaymentFailed", "PaymentProcessed"]);
  const isDecided = due.every((kinds) => kinds.some((kind) => events.has(kind)));
  if (!isDecided) return due;
  if (events.has("Reserved") && events.has("PaymentProcessed")) return [...due, ["OrderConfirmed"]];
  due.push(["OrderCancelled"]);
  if (events.has("Reserved")) due.push(["Released"]);
  if (events.has("PaymentProcessed")) due.push(["PaymentRefunded"]);
  return due;
}

function checkAnswers(history: OrderHistory, broken: Broken): void {
  const { orderId, placed, events } = history;
  if (placed.length === 0) {
    return broken("G2", `${orderId} was never placed, but has ${kindsOf(events)}`, orderId);
  }
  const answered = new Set<EventKind>();
  for (const kinds of dueOf(history)) {
    const found = kinds.filter((kind) => events.has(kind));
    for (const kind of found) answered.add(kind);
    if (found.length === 1) continue;
    const what = found.length === 0 ? `no ${kinds.join(" or ")}` : `both ${kinds.join(" and ")}`;
    broken("G2", `${orderId} has ${what}; it has ${kindsOf(events)}`, orderId);
  }
  for (const [kind, all] of events) {
    if (!answered.has(kind)) {
      const others = kindsOf(events);
      broken("G2", `${orderId} has a ${kind} that answers nothing, beside ${others}`, orderId);
    }
    if (all.length > 1) {
      const places = all.map(({ at }) => placeOf(at.topic, at)).join(" and ");
      broken("G2", `${orderId} has ${all.length} ${kind}: ${places}`, orderId);
    }
  }
}

function checkPlaces(history: OrderHistory, broken: Broken): void {
  const { orderId, placed, events } = history;
  for (const [kind, [event]] of events) {
    const { at, eventId: id } = event!;
    if (placed.length > 0 && !placed.some((each) => each.at.partition === at.partition)) {
      broken(
        "G2",
        `${orderId}: ${kind} is in another partition, ${placeOf(at.topic, at)}`,
        orderId,
      );
    }
    if (id !== eventId(orderId, idOf(kind))) {
      broken("G2", `${orderId}: ${kind} has the id ${id}`, orderId);
    }
  }
  inOrder(history, "Reserved", "Released", broken);
  inOrder(history, "PaymentProcessed", "PaymentRefunded", broken);
}

function idOf(kind: EventKind): string {
  if (kind === "Reserved") return "InventoryUpdated/reserved";
  return kind === "Released" ? "InventoryUpdated/released" : kind;
}

function inOrder(history: OrderHistory, first: EventKind, then: EventKind, broken: Broken): void {
  const [before, after] = [eventOf(history, first), eventOf(history, then)];
  if (before && after && before.at.offset > after.at.offset) {
    const { orderId } = history;
    broken(
      "G2",
      `${orderId}: ${then} lies before ${first}, ${placeOf(after.at.topic, after.at)}`,
      orderId,
    );
  }
}
