/** What an event says, as a plain sentence. Pure; made safe for a terminal by whoever prints it. */
import type { OrderEvent } from "../../events/schemas.ts";
import { money } from "../money.ts";

/** More items than this are counted, not listed. */
const MAX_LISTED = 5;

export function sentence(event: OrderEvent): string {
  switch (event.type) {
    case "OrderPlaced": {
      const { customerId, items, totalCents, currency } = event;
      return `customer ${customerId} ordered ${
        list(items, (i) => pieces(i.quantity, i.productId))
      }` +
        ` for ${money(totalCents, currency)}`;
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
      return `charged ${money(event.amountCents, event.currency)}, payment ${event.paymentId}`;
    case "PaymentFailed":
      return `${event.reason}: ${event.detail}; ${money(event.amountCents, event.currency)} were ` +
        `not charged, payment ${event.paymentId}`;
    case "PaymentRefunded":
      return `refunded ${money(event.amountCents, event.currency)}, payment ${event.paymentId}`;
    case "OrderConfirmed":
      return `confirmed, ${money(event.totalCents, event.currency)}`;
    case "OrderCancelled":
      return `${event.reason}: ${event.detail}`;
    default:
      return event satisfies never;
  }
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
