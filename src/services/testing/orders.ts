/** For tests: an order as it is placed, and as the validator sends it on. */
import { eventId, type OrderPlaced, type OrderValidated } from "../../events/schemas.ts";

export function placed(orderId: string, change: Partial<OrderPlaced> = {}): OrderPlaced {
  return {
    type: "OrderPlaced",
    version: 1,
    eventId: eventId(orderId, "OrderPlaced"),
    orderId,
    occurredAt: "2026-01-02T03:04:05.000Z",
    customerId: "c-1",
    currency: "EUR",
    items: [{ productId: "p-1", quantity: 2, unitPriceCents: 250 }],
    totalCents: 500,
    ...change,
  };
}

export function validated(order: OrderPlaced): OrderValidated {
  const { orderId, occurredAt, customerId, currency, items, totalCents } = order;
  return {
    type: "OrderValidated",
    version: 1,
    eventId: eventId(orderId, "OrderValidated"),
    orderId,
    occurredAt,
    placedAt: occurredAt,
    status: "PENDING",
    processingMs: 1,
    customer: { customerId, name: "Ada", country: "DE", tier: "gold" },
    currency,
    items,
    totalCents,
  };
}
