/** What can go wrong with the events of an order. */
import { eventId, type InventoryUpdated, type PaymentProcessed } from "../../events/schemas.ts";
import { after, type Case, confirmed, declined, drop, N, outOfStock, row } from "./case.ts";
import {
  addDeadLetter,
  appendCopy,
  appendEvent,
  eventIn,
  eventsOf,
  orderId,
  partitionOf,
  rewrite,
} from "./fixture.ts";

export const ORDER_CASES: readonly Case[] = [
  {
    name: "a confirmed order's message is gone",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.confirmed, "OrderPlaced")),
    fails: ["acknowledged", "orderless"],
    who: confirmed,
    says: /^was acknowledged, but is not in orders\.raw$/,
  },
  {
    name: "an outcome is missing",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.confirmed, "OrderConfirmed")),
    fails: ["outcome"],
    who: confirmed,
    says: /^no outcome; seen: OrderPlaced, OrderValidated, InventoryReserved, PaymentProcessed\b/,
  },
  {
    name: "an outcome is missing, and a dead letter is open that has nothing to do with it",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.release_parked, "OrderCancelled")),
    fails: ["outcome"],
    who: orderId(N.release_parked),
  },
  {
    name: "a rejection is missing",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.rejected, "OrderRejected")),
    fails: ["outcome"],
    who: orderId(N.rejected),
  },
  {
    name: "two outcomes",
    mutate: (fixture) =>
      appendEvent(fixture, {
        ...after,
        type: "OrderCancelled",
        eventId: eventId(confirmed, "OrderCancelled"),
        orderId: confirmed,
        placedAt: after.occurredAt,
        totalCents: Number(row(fixture, "payments", confirmed).amount_cents),
        currency: String(row(fixture, "payments", confirmed).currency),
        reason: "out_of_stock",
        detail: "",
      }, partitionOf(N.confirmed)),
    fails: ["outcome", "cancelled", "released", "refunded"],
    who: confirmed,
  },
  {
    name: "an outcome without an order",
    mutate: (fixture) =>
      appendEvent(fixture, {
        ...after,
        type: "OrderRejected",
        eventId: eventId("nobody", "OrderRejected"),
        orderId: "nobody",
        placedAt: after.occurredAt,
        reason: "empty_order",
        detail: "",
      }, 0),
    fails: ["orderless"],
    who: "nobody",
    says: /^OrderRejected, but orders\.raw does not place it$/,
  },
  {
    name: "an order placed twice, the second message no dead letter",
    mutate: (fixture) => appendCopy(fixture, eventsOf(fixture, N.confirmed, "OrderPlaced")[0]!),
    fails: ["messages"],
    who: confirmed,
    says: /^is placed again by orders\.raw 0@[1-9]\d*, which is no dead letter$/,
  },
  {
    name: "an event twice",
    mutate: (fixture) => appendCopy(fixture, eventsOf(fixture, N.confirmed, "OrderConfirmed")[0]!),
    fails: ["twice", "balance"],
    who: confirmed,
    says: /^OrderConfirmed again, at orders\.outcomes 0@[1-9]\d*$/,
  },
  {
    name: "a reservation twice, in the log alone",
    mutate: (fixture) =>
      appendCopy(fixture, eventsOf(fixture, N.card_declined, "InventoryUpdated")[0]!),
    fails: ["twice", "stock"],
    who: declined,
    says: /^InventoryReserved again, at inventory\.events \d@\d+$/,
  },
  {
    name: "pieces left below zero",
    mutate: (fixture) => {
      const event = eventsOf(fixture, N.confirmed, "InventoryUpdated")[0]!;
      const { changes } = eventIn(event) as unknown as { changes: { remaining: number }[] };
      rewrite(fixture, event, { changes: changes.map((c) => ({ ...c, remaining: -3 })) });
    },
    fails: ["readable"],
    who: confirmed,
  },
  {
    name: "an event in another partition",
    mutate: (fixture) => {
      const record = eventsOf(fixture, N.confirmed, "PaymentProcessed")[0]!;
      drop(fixture, record);
      appendEvent(fixture, eventIn(record)!, partitionOf(N.confirmed + 1));
    },
    fails: ["partition"],
    who: confirmed,
    says: /^\w+ is at \S+ \d@\d+, its other events are elsewhere$/,
  },
  {
    name: "an order that was never validated goes on",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.confirmed, "OrderValidated")),
    fails: ["validated"],
    who: confirmed,
  },
  {
    name: "an order validated and rejected",
    mutate: (fixture) =>
      appendEvent(fixture, {
        ...after,
        type: "OrderRejected",
        eventId: eventId(confirmed, "OrderRejected"),
        orderId: confirmed,
        placedAt: after.occurredAt,
        reason: "empty_order",
        detail: "",
      }, partitionOf(N.confirmed)),
    fails: ["validated", "outcome"],
    who: confirmed,
  },
  {
    name: "stock reserved and refused",
    mutate: (fixture) =>
      appendEvent(fixture, {
        ...after,
        type: "InventoryRejected",
        eventId: eventId(confirmed, "InventoryRejected"),
        orderId: confirmed,
        placedAt: after.occurredAt,
        reason: "out_of_stock",
        detail: "",
      }, partitionOf(N.confirmed)),
    fails: ["answers", "confirmed"],
    who: confirmed,
  },
  {
    name: "paid and declined",
    mutate: (fixture) => {
      const { type: _, eventId: __, ...paid } = eventIn(
        eventsOf(fixture, N.confirmed, "PaymentProcessed")[0]!,
      ) as PaymentProcessed;
      appendEvent(fixture, {
        ...paid,
        type: "PaymentFailed",
        eventId: eventId(confirmed, "PaymentFailed"),
        reason: "card_declined",
        detail: "",
      }, partitionOf(N.confirmed));
    },
    fails: ["answers"],
    who: confirmed,
    says: /^PaymentProcessed and PaymentFailed$/,
  },
  {
    name: "confirmed without payment",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.confirmed, "PaymentProcessed")),
    fails: ["confirmed", "payments", "gateway"],
    who: confirmed,
  },
  {
    name: "confirmed without stock",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.confirmed, "InventoryUpdated")),
    fails: ["confirmed", "reservations"],
    who: confirmed,
  },
  {
    name: "cancelled though nobody refused",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.out_of_stock, "InventoryRejected")),
    fails: ["cancelled", "reservations"],
    who: outOfStock,
  },
  {
    name: "cancelled, and the stock not released",
    mutate: (fixture) => drop(fixture, eventsOf(fixture, N.card_declined, "InventoryUpdated")[1]),
    fails: ["released", "reservations"],
    who: declined,
  },
  {
    name: "cancelled, the stock not released, and payment has a dead letter",
    mutate: (fixture) => {
      drop(fixture, eventsOf(fixture, N.card_declined, "InventoryUpdated")[1]);
      const [cancelled] = eventsOf(fixture, N.card_declined, "OrderCancelled");
      addDeadLetter(fixture, "payment", cancelled!, "processing_failed");
    },
    fails: ["released"],
    who: declined,
  },
  {
    name: "cancelled, not refunded, and inventory has a dead letter",
    mutate: (fixture) => {
      drop(fixture, ...eventsOf(fixture, N.out_of_stock, "PaymentRefunded"));
      const [cancelled] = eventsOf(fixture, N.out_of_stock, "OrderCancelled");
      addDeadLetter(fixture, "inventory", cancelled!, "processing_failed");
    },
    fails: ["refunded"],
    who: outOfStock,
  },
  {
    name: "released, and not cancelled",
    mutate: (fixture) => {
      const reserved = eventIn(
        eventsOf(fixture, N.confirmed, "InventoryUpdated")[0]!,
      ) as InventoryUpdated;
      appendEvent(fixture, {
        ...reserved,
        eventId: eventId(confirmed, "InventoryUpdated/released"),
        action: "released",
        changes: reserved.changes.map((change) => ({ ...change, delta: -change.delta })),
      }, partitionOf(N.confirmed));
    },
    fails: ["released"],
    who: confirmed,
    says: /^InventoryReleased without OrderCancelled or InventoryReserved; seen: /,
  },
  {
    name: "refunded, and not cancelled",
    mutate: (fixture) => {
      const paid = eventIn(
        eventsOf(fixture, N.confirmed, "PaymentProcessed")[0]!,
      ) as PaymentProcessed;
      appendEvent(fixture, {
        ...paid,
        type: "PaymentRefunded",
        eventId: eventId(confirmed, "PaymentRefunded"),
      }, partitionOf(N.confirmed));
    },
    fails: ["refunded"],
    who: confirmed,
    says: /^PaymentRefunded without OrderCancelled or PaymentProcessed; seen: /,
  },
  {
    name: "reserved something else than was ordered",
    mutate: (fixture) => {
      const event = eventsOf(fixture, N.confirmed, "InventoryUpdated")[0]!;
      const { changes } = eventIn(event) as unknown as { changes: { delta: number }[] };
      const [first, ...others] = changes;
      rewrite(fixture, event, { changes: [{ ...first!, delta: first!.delta - 1 }, ...others] });
    },
    fails: ["items"],
    who: confirmed,
    says: /^InventoryReserved has other pieces than the order's other events: \{"p-/,
  },
  {
    name: "the wrong amount charged",
    mutate: (fixture) =>
      rewrite(fixture, eventsOf(fixture, N.confirmed, "PaymentProcessed")[0]!, { amountCents: 1 }),
    fails: ["amounts", "balance"],
    who: confirmed,
    says: /^PaymentProcessed says 1 EUR cents, another event does not$/,
  },
  {
    name: "the wrong currency charged",
    mutate: (fixture) =>
      rewrite(fixture, eventsOf(fixture, N.confirmed, "PaymentProcessed")[0]!, { currency: "JPY" }),
    fails: ["amounts"],
    who: confirmed,
    says: /^PaymentProcessed says \d+ JPY cents, another event does not$/,
  },
  {
    name: "charged twice",
    mutate: (fixture) =>
      appendCopy(fixture, eventsOf(fixture, N.confirmed, "PaymentProcessed")[0]!),
    fails: ["twice"],
    who: confirmed,
  },
  {
    name: "cancelled, and not refunded",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.out_of_stock, "PaymentRefunded")),
    fails: ["refunded", "payments", "gateway"],
    who: outOfStock,
  },
  {
    name: "charged under another name than it failed or was refunded",
    mutate: (fixture) =>
      rewrite(fixture, eventsOf(fixture, N.out_of_stock, "PaymentRefunded")[0]!, {
        paymentId: "pay-x",
      }),
    fails: ["amounts"],
    who: outOfStock,
    says: /^its events are about two payments, pay-r1-000001 and pay-x$/,
  },
];
