/** What can go wrong with the rows of the tables, or beside them. */
import { type Case, confirmed, declined, drop, dropRow, N, outOfStock, row } from "./case.ts";
import { eventsOf } from "./world.ts";

export const ROW_CASES: readonly Case[] = [
  {
    name: "oversold",
    spoil: (world) => row(world, "stock", "p-1").on_hand = -1,
    fails: ["stock"],
    who: "p-1",
  },
  {
    name: "stock that leaked",
    spoil: (world) => row(world, "stock", "p-2").on_hand = 17,
    fails: ["stock"],
    who: "p-2",
  },
  {
    name: "a reservation without an event",
    spoil: (world) => world.tables.reservations.push({ order_id: "o-9", state: "reserved" }),
    fails: ["reservations"],
    who: "o-9",
  },
  {
    name: "an event without its reservation",
    spoil: (world) => dropRow(world, "reservations", confirmed),
    fails: ["reservations"],
    who: confirmed,
  },
  {
    name: "charged twice by the gateway, under another key",
    spoil: (world) =>
      world.tables.charges.push({
        ...row(world, "charges", confirmed),
        idempotency_key: `${confirmed}.again`,
      }),
    fails: ["gateway"],
    who: `${confirmed}.again`,
  },
  {
    name: "charged by the gateway, and declined by the events",
    spoil: (world) => row(world, "charges", declined).status = "charged",
    fails: ["gateway"],
    who: declined,
  },
  {
    name: "refunded by the events, and not by the gateway",
    spoil: (world) => row(world, "charges", outOfStock).refunded_cents = 0,
    fails: ["gateway"],
    who: outOfStock,
  },
  {
    name: "refunded in part",
    spoil: (world) => row(world, "charges", outOfStock).refunded_cents = 1,
    fails: ["gateway"],
    who: outOfStock,
  },
  {
    name: "a payment that the table calls processed, though it was refunded",
    spoil: (world) => row(world, "payments", outOfStock).state = "processed",
    fails: ["payments"],
    who: outOfStock,
  },
  {
    name: "an outcome that the table of joins does not have",
    spoil: (world) => dropRow(world, "joins", confirmed),
    fails: ["joins"],
    who: confirmed,
    says: /^its row: none; its events: OrderConfirmed$/,
  },
  {
    name: "an outcome in the table of joins alone",
    spoil: (world) => drop(world, ...eventsOf(world, N.confirmed, "OrderConfirmed")),
    fails: ["joins"],
    who: confirmed,
    says: /^its row: completed by the stock's answer; its events: nothing$/,
  },
  {
    name: "an outcome that a message completed which is no half of it",
    spoil: (world) => row(world, "joins", confirmed).decided_by_offset = 77,
    fails: ["joins"],
    who: confirmed,
    says: /^its row says that inventory\.events @77 completed it, where no half of it is$/,
  },
  {
    name: "an outcome that a message of another topic completed",
    spoil: (world) => row(world, "joins", confirmed).decided_by_topic = "orders.raw",
    fails: ["joins"],
    who: confirmed,
    says: /^its row says that orders\.raw @0 completed it, where no half of it is$/,
  },
];
