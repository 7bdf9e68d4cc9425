/** What can go wrong with the events of an order. */
import { eventId } from "../../events/schemas.ts";
import { after, type Case, confirmed, declined, drop, N, outOfStock, row } from "./case.ts";
import {
  appendCopy,
  appendEvent,
  eventIn,
  eventsOf,
  orderId,
  partitionOf,
  rewrite,
} from "./world.ts";

export const ORDER_CASES: readonly Case[] = [
  {
    name: "a confirmed order's message is gone",
    spoil: (world) => drop(world, ...eventsOf(world, N.confirmed, "OrderPlaced")),
    fails: ["acknowledged", "orderless"],
    who: confirmed,
    says: /^was acknowledged, but is not in orders\.raw$/,
  },
  {
    name: "an outcome is missing",
    spoil: (world) => drop(world, ...eventsOf(world, N.confirmed, "OrderConfirmed")),
    fails: ["outcome"],
    who: confirmed,
  },
  {
    name: "a rejection is missing",
    spoil: (world) => drop(world, ...eventsOf(world, N.rejected, "OrderRejected")),
    fails: ["outcome"],
    who: orderId(N.rejected),
  },
  {
    name: "two outcomes",
    spoil: (world) =>
      appendEvent(world, {
        ...after,
        type: "OrderCancelled",
        eventId: eventId(confirmed, "OrderCancelled"),
        orderId: confirmed,
        placedAt: after.occurredAt,
        totalCents: Number(row(world, "payments", confirmed).amount_cents),
        currency: String(row(world, "payments", confirmed).currency),
        reason: "out_of_stock",
        detail: "",
      }, partitionOf(N.confirmed)),
    fails: ["outcome", "cancelled", "released", "refunded"],
    who: confirmed,
  },
  {
    name: "an outcome without an order",
    spoil: (world) =>
      appendEvent(world, {
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
    spoil: (world) => appendCopy(world, eventsOf(world, N.confirmed, "OrderPlaced")[0]!),
    fails: ["messages"],
    who: confirmed,
    says: /^is placed again by t\.orders\.raw \d@\d+, which is no dead letter$/,
  },
  {
    name: "an event twice",
    spoil: (world) => appendCopy(world, eventsOf(world, N.confirmed, "OrderConfirmed")[0]!),
    fails: ["twice", "balance"],
    who: confirmed,
    says: /^OrderConfirmed again, at t\.orders\.outcomes \d@\d+$/,
  },
  {
    name: "a reservation twice, in the log alone",
    spoil: (world) => appendCopy(world, eventsOf(world, N.card_declined, "InventoryUpdated")[0]!),
    fails: ["twice", "stock"],
    who: declined,
    says: /^InventoryUpdated \(reserved\) again, at t\.inventory\.events \d@\d+$/,
  },
  {
    name: "pieces left below zero",
    spoil: (world) => {
      const event = eventsOf(world, N.confirmed, "InventoryUpdated")[0]!;
      const { changes } = eventIn(event) as unknown as { changes: { remaining: number }[] };
      rewrite(world, event, { changes: changes.map((c) => ({ ...c, remaining: -3 })) });
    },
    fails: ["readable"],
    who: confirmed,
  },
  {
    name: "an event in another partition",
    spoil: (world) => {
      const record = eventsOf(world, N.confirmed, "PaymentProcessed")[0]!;
      drop(world, record);
      appendEvent(world, eventIn(record)!, partitionOf(N.confirmed + 1));
    },
    fails: ["partition"],
    who: confirmed,
    says: /^\w+ is at t\.\S+ \d@\d+, its other events are elsewhere$/,
  },
  {
    name: "an order that was never validated goes on",
    spoil: (world) => drop(world, ...eventsOf(world, N.confirmed, "OrderValidated")),
    fails: ["validated"],
    who: confirmed,
  },
  {
    name: "an order validated and rejected",
    spoil: (world) =>
      appendEvent(world, {
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
    spoil: (world) =>
      appendEvent(world, {
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
    name: "confirmed without payment",
    spoil: (world) => drop(world, ...eventsOf(world, N.confirmed, "PaymentProcessed")),
    fails: ["confirmed", "payments", "gateway"],
    who: confirmed,
  },
  {
    name: "confirmed without stock",
    spoil: (world) => drop(world, ...eventsOf(world, N.confirmed, "InventoryUpdated")),
    fails: ["confirmed", "reservations"],
    who: confirmed,
  },
  {
    name: "cancelled though nobody refused",
    spoil: (world) => drop(world, ...eventsOf(world, N.out_of_stock, "InventoryRejected")),
    fails: ["cancelled", "reservations"],
    who: outOfStock,
  },
  {
    name: "cancelled, and the stock not released",
    spoil: (world) => drop(world, eventsOf(world, N.card_declined, "InventoryUpdated")[1]),
    fails: ["released", "reservations"],
    who: declined,
  },
  {
    name: "reserved something else than was ordered",
    spoil: (world) => {
      const event = eventsOf(world, N.confirmed, "InventoryUpdated")[0]!;
      const { changes } = eventIn(event) as unknown as { changes: { delta: number }[] };
      const [first, ...others] = changes;
      rewrite(world, event, { changes: [{ ...first!, delta: first!.delta - 1 }, ...others] });
    },
    fails: ["items"],
    who: confirmed,
    says: /^\w+.* has other pieces than the order's other events$/,
  },
  {
    name: "the wrong amount charged",
    spoil: (world) =>
      rewrite(world, eventsOf(world, N.confirmed, "PaymentProcessed")[0]!, { amountCents: 1 }),
    fails: ["amounts", "balance"],
    who: confirmed,
    says: /^\w+ says \d+ EUR cents, another event \d+ EUR$/,
  },
  {
    name: "the wrong currency charged",
    spoil: (world) =>
      rewrite(world, eventsOf(world, N.confirmed, "PaymentProcessed")[0]!, { currency: "JPY" }),
    fails: ["amounts"],
    who: confirmed,
    says: /^\w+ says \d+ \w{3} cents, another event \d+ \w{3}$/,
  },
  {
    name: "charged twice",
    spoil: (world) => appendCopy(world, eventsOf(world, N.confirmed, "PaymentProcessed")[0]!),
    fails: ["twice"],
    who: confirmed,
  },
  {
    name: "cancelled, and not refunded",
    spoil: (world) => drop(world, ...eventsOf(world, N.out_of_stock, "PaymentRefunded")),
    fails: ["refunded", "payments", "gateway"],
    who: outOfStock,
  },
  {
    name: "charged under another name than it failed or was refunded",
    spoil: (world) =>
      rewrite(world, eventsOf(world, N.out_of_stock, "PaymentRefunded")[0]!, {
        paymentId: "pay-x",
      }),
    fails: ["amounts"],
    who: outOfStock,
    says: /^Payment\w+ is of another payment, pay-/,
  },
];
