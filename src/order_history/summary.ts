/** What the events of an order say, and what came of it, in words. Pure. */
import type { OrderEvent } from "../events/schemas.ts";
import { formatMoney } from "../runtime/format.ts";

/** A dead letter of the order. */
export interface OrderDeadLetter {
  readonly service: string;
  /** `partition@offset`. */
  readonly id: string;
  readonly reason: string;
  /** `open`, or what a person did with it: `replayed`, `discarded`. */
  state: string;
}

/**
 * @param events of the order, each once
 * @param deadLetters in the order of the log
 * @param placedAtMs epoch milliseconds, where it is known
 */
export function summarize(
  events: readonly OrderEvent[],
  deadLetters: readonly OrderDeadLetter[],
  placedAtMs: number | null,
): string {
  const parts = [whatHappened(events, deadLetters, placedAtMs)];
  for (const { service, id, reason, state } of deadLetters) {
    if (state === "open") {
      parts.push(
        `a dead letter is open (${reason}): \`deno task dlq show ${service} ${id}\` shows it`,
      );
    } else if (state === "discarded") {
      parts.push(`a dead letter of ${service} was discarded by a person (${reason})`);
    }
  }
  return `${parts.join("; ")}.`;
}

function whatHappened(
  events: readonly OrderEvent[],
  deadLetters: readonly OrderDeadLetter[],
  placedAtMs: number | null,
): string {
  const outcomes = events.filter((event) =>
    event.type === "OrderConfirmed" || event.type === "OrderCancelled" ||
    event.type === "OrderRejected"
  );
  const [outcome] = outcomes;
  if (events.length + deadLetters.length === 0) return "no event of it was found, only rows";
  if (outcome === undefined) return `not finished: ${whatIsMissing(events, deadLetters)}`;
  if (outcomes.length > 1) {
    const types = outcomes.map(({ type }) => type).join(" and ");
    return `${types}: an order must have one outcome: \`deno task audit\` says what is wrong`;
  }
  const after = placedAtMs === null
    ? ""
    : ` after ${((Date.parse(outcome.occurredAt) - placedAtMs) / 1_000).toFixed(1)} s`;
  switch (outcome.type) {
    case "OrderConfirmed":
      return `confirmed${after}; ${stockSummary(events)}, ${paymentSummary(events)}`;
    case "OrderCancelled":
      return `cancelled${after} because of ${outcome.reason} (${outcome.detail}); ` +
        `${stockSummary(events)}, ${paymentSummary(events)}`;
    case "OrderRejected":
      return `rejected${after} because of ${outcome.reason} (${outcome.detail}); ` +
        `${stockSummary(events)}, ${paymentSummary(events)}`;
    default:
      return outcome satisfies never;
  }
}

function has(events: readonly OrderEvent[], type: OrderEvent["type"]): boolean {
  return events.some((event) => event.type === type);
}

function whatIsMissing(
  events: readonly OrderEvent[],
  deadLetters: readonly OrderDeadLetter[],
): string {
  if (!has(events, "OrderValidated")) {
    const last = deadLetters.findLast(({ service }) => service === "validator");
    return last && last.state !== "replayed"
      ? "the validator could not process it"
      : "the validator has not answered";
  }
  const stockAnswered = has(events, "InventoryUpdated") || has(events, "InventoryRejected");
  const paymentAnswered = has(events, "PaymentProcessed") || has(events, "PaymentFailed");
  if (stockAnswered && paymentAnswered) {
    return "inventory and payment answered, fulfillment did not";
  }
  if (stockAnswered) return "payment has not answered";
  if (paymentAnswered) return "inventory has not answered";
  return "neither inventory nor payment has answered";
}

function stockSummary(events: readonly OrderEvent[]): string {
  const actions = events.flatMap((e) => e.type === "InventoryUpdated" ? [e.action] : []);
  const confirmed = has(events, "OrderConfirmed");
  if (!actions.includes("reserved")) return "no stock was taken";
  if (actions.includes("released")) return "the stock was released";
  return confirmed ? "the stock was taken" : "the stock is NOT released";
}

function paymentSummary(events: readonly OrderEvent[]): string {
  const refund = events.find((event) => event.type === "PaymentRefunded");
  if (refund) return `${amountOf(refund)} were refunded`;
  const charge = events.find((event) => event.type === "PaymentProcessed");
  if (!charge) return "nothing was charged";
  const amount = amountOf(charge);
  return has(events, "OrderConfirmed") ? `${amount} were charged` : `${amount} are NOT refunded`;
}

function amountOf(payment: { amountCents: number; currency: string }): string {
  return formatMoney(payment.amountCents, payment.currency);
}

/** More items than this are counted, not listed. */
const MAX_LISTED = 5;

/** What an event says, in a few words; its caller makes it safe for a terminal. */
export function describeEvent(event: OrderEvent): string {
  switch (event.type) {
    case "OrderPlaced": {
      const { customerId, items, totalCents, currency } = event;
      const what = list(items, ({ quantity, productId }) => pieces(quantity, productId));
      return `customer ${customerId} ordered ${what} for ${formatMoney(totalCents, currency)}`;
    }
    case "OrderValidated": {
      const { name, tier, country } = event.customer;
      return `accepted within ${event.processingMs} ms, for ${name} (${tier}, ${country})`;
    }
    case "OrderRejected":
    case "InventoryRejected":
      return `${event.reason}: ${event.detail}`;
    case "InventoryUpdated":
      return `${event.action} ` + list(
        event.changes,
        ({ productId, delta, remaining }) =>
          `${pieces(Math.abs(delta), productId)} (${remaining} left)`,
      );
    case "PaymentProcessed":
      return `charged ${amountOf(event)}, payment ${event.paymentId}`;
    case "PaymentFailed":
      return `${event.reason}: ${event.detail}; ${amountOf(event)} were not charged, ` +
        `payment ${event.paymentId}`;
    case "PaymentRefunded":
      return `refunded ${amountOf(event)}, payment ${event.paymentId}`;
    case "OrderConfirmed":
      return `confirmed, ${formatMoney(event.totalCents, event.currency)}`;
    case "OrderCancelled":
      return `${event.reason}: ${event.detail}`;
    default:
      return fieldsOf(event);
  }
}

/** What every event has. */
const COMMON = ["type", "version", "eventId", "orderId", "occurredAt", "placedAt"];

/** What an event says for which there is no sentence: its own fields. */
function fieldsOf(event: OrderEvent): string {
  return Object.entries(event).filter(([name]) => !COMMON.includes(name)).map(([name, value]) =>
    `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`
  ).join(", ");
}

function pieces(quantity: number, productId: string): string {
  return `${quantity} × ${productId}`;
}

function list<T>(items: readonly T[], describe: (item: T) => string): string {
  if (items.length === 0) return "nothing";
  const rest = items.length - MAX_LISTED;
  const listed = items.slice(0, MAX_LISTED).map(describe).join(", ");
  return rest > 0 ? `${listed} and ${rest} more` : listed;
}
