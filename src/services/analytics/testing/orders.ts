/** What the tests of this folder share: whole orders as events. */
import {
  eventId,
  type OrderEvent,
  type OrderRejected,
  type OrderValidated,
} from "../../../events/schemas.ts";
import { add, createAggregate } from "../aggregate.ts";
import { type Fact, factOf } from "../facts/fact.ts";
import { type Snapshot, snapshot } from "../snapshot.ts";

export const NOON_MS = Date.parse("2026-01-02T12:00:00.000Z");

/** An order, and what becomes of it. */
export interface SampleOrder {
  readonly sequence: number;
  /** Epoch milliseconds. */
  readonly placedAtMs: number;
  readonly latencyMs: number;
  readonly totalCents: number;
  readonly currency: string;
  readonly scenario: Scenario;
}

export const SCENARIOS = ["confirmed", "out_of_stock", "card_declined", "rejected"] as const;
export type Scenario = typeof SCENARIOS[number];

/** The committed events of an order, but OrderPlaced, which analytics does not read. */
export function eventsOf(order: SampleOrder): OrderEvent[] {
  const { placedAtMs, latencyMs, totalCents, currency, scenario } = order;
  const orderId = `r1-${String(order.sequence).padStart(6, "0")}`;
  const validatedAtMs = placedAtMs + Math.floor(latencyMs / 2);
  const outcomeAtMs = placedAtMs + latencyMs;
  const common = <T extends string>(type: T, atMs: number, what: string = type) => ({
    type,
    version: 1 as const,
    eventId: eventId(orderId, what),
    orderId,
    occurredAt: new Date(atMs).toISOString(),
    placedAt: new Date(placedAtMs).toISOString(),
  });
  const amount = { paymentId: `pay-${orderId}`, amountCents: totalCents, currency };
  const validated: OrderValidated = {
    ...common("OrderValidated", validatedAtMs),
    status: "PENDING",
    processingMs: 1,
    customer: { customerId: "c-00001", name: "A Name", country: "DE", tier: "standard" },
    currency,
    items: [{ productId: "p-0001", quantity: 1, unitPriceCents: totalCents }],
    totalCents,
  };
  const moved = (action: "reserved" | "released", delta: number, atMs: number): OrderEvent => ({
    ...common("InventoryUpdated", atMs, `InventoryUpdated-${action}`),
    action,
    changes: [{ productId: "p-0001", delta, remaining: 1 }],
  });
  const cancelled = (reason: "out_of_stock" | "card_declined"): OrderEvent => ({
    ...common("OrderCancelled", outcomeAtMs),
    totalCents,
    currency,
    reason,
    detail: "a test",
  });
  switch (scenario) {
    case "rejected": {
      const rejected: OrderRejected = {
        ...common("OrderRejected", outcomeAtMs),
        reason: "unknown_customer",
        detail: "a test",
      };
      return [rejected];
    }
    case "confirmed":
      return [
        validated,
        moved("reserved", -1, outcomeAtMs),
        { ...common("PaymentProcessed", outcomeAtMs), ...amount },
        { ...common("OrderConfirmed", outcomeAtMs), totalCents, currency },
      ];
    case "out_of_stock":
      return [
        validated,
        {
          ...common("InventoryRejected", outcomeAtMs),
          reason: "out_of_stock",
          detail: "a test",
        },
        { ...common("PaymentProcessed", outcomeAtMs), ...amount },
        cancelled("out_of_stock"),
        { ...common("PaymentRefunded", outcomeAtMs), ...amount },
      ];
    case "card_declined":
      return [
        validated,
        moved("reserved", -1, outcomeAtMs),
        {
          ...common("PaymentFailed", outcomeAtMs),
          ...amount,
          reason: "card_declined",
          detail: "a test",
        },
        cancelled("card_declined"),
        moved("released", 1, outcomeAtMs),
      ];
    default:
      return scenario satisfies never;
  }
}

/** The same, as far as the figures need them. */
export function factsOf(order: SampleOrder): Fact[] {
  return eventsOf(order).map(factOf);
}

/** A run of orders, one every `everyMs` from `firstAtMs`; scenarios, latencies and amounts alternate. */
export function sampleOrders(count: number, firstAtMs: number, everyMs: number): SampleOrder[] {
  return Array.from({ length: count }, (_, sequence) => ({
    sequence,
    placedAtMs: firstAtMs + sequence * everyMs,
    latencyMs: 20 + (sequence * 37) % 500,
    totalCents: 100 + sequence % 1_000,
    currency: sequence % 3 === 0 ? "USD" : "EUR",
    scenario: SCENARIOS[sequence % 7 < 4 ? 0 : sequence % 4]!,
  }));
}

/** The figures of these events alone. */
export function figuresOf(events: readonly OrderEvent[]): Snapshot {
  const aggregate = createAggregate();
  for (const event of events) add(aggregate, factOf(event));
  return snapshot(aggregate);
}

/** An order, with changes. */
export function order(changes: Partial<SampleOrder>): SampleOrder {
  return {
    sequence: 1,
    placedAtMs: NOON_MS,
    latencyMs: 100,
    totalCents: 1_000,
    currency: "EUR",
    scenario: "confirmed",
    ...changes,
  };
}
