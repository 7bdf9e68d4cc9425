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
    says: /^the gateway gave back 1 of \d+ cents$/,
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
  {
    name: "oversold, and the sums agree",
    spoil(world) {
      const stock = row(world, "stock", "p-1");
      stock.initial = Number(stock.initial) - Number(stock.on_hand) - 1;
      stock.on_hand = -1;
    },
    fails: ["stock"],
    who: "p-1",
    says: /^-1 on hand: oversold$/,
  },
  {
    name: "a product that the table does not have",
    spoil: (world) => dropRow(world, "stock", "p-3"),
    fails: ["stock"],
    who: "p-3",
    says: /^changed by -\d+, but the table does not have it$/,
  },
  ...["initial", "on_hand"].map((column): Case => ({
    name: `a product whose row does not say ${column}`,
    spoil: (world) => row(world, "stock", "p-1")[column] = null,
    fails: ["stock"],
    who: "p-1",
    says: /^its row does not say initial and on_hand$/,
  })),
  {
    name: "a reservation in a state that there is not",
    spoil: (world) => row(world, "reservations", confirmed).state = "lent",
    fails: ["reservations"],
    who: confirmed,
    says: /^its row's state is lent$/,
  },
  {
    name: "a payment in a state that there is not",
    spoil: (world) => row(world, "payments", confirmed).state = "owed",
    fails: ["payments"],
    who: confirmed,
    says: /^its row's state is owed$/,
  },
  {
    name: "a payment of another amount",
    spoil: (world) => row(world, "payments", confirmed).amount_cents = 5,
    fails: ["payments"],
    who: confirmed,
    says: /^its row says 5 EUR cents, its events do not$/,
  },
  {
    name: "a payment without an amount",
    spoil: (world) => row(world, "payments", confirmed).amount_cents = null,
    fails: ["payments"],
    who: confirmed,
    says: /^its row says null EUR cents, its events do not$/,
  },
  {
    name: "a payment in another currency",
    spoil: (world) => row(world, "payments", confirmed).currency = "CHF",
    fails: ["payments"],
    who: confirmed,
    says: /^its row says \d+ CHF cents, its events do not$/,
  },
  {
    name: "a payment that goes by another name",
    spoil: (world) => row(world, "payments", confirmed).payment_id = "pay-x",
    fails: ["payments"],
    who: confirmed,
    says: /^its row is about payment pay-x, its events are not$/,
  },
  {
    name: "a charge of another amount",
    spoil: (world) => row(world, "charges", declined).amount_cents = 5,
    fails: ["gateway"],
    who: declined,
    says: /^the gateway's ledger says 5 EUR cents, its events do not$/,
  },
  {
    name: "a charge in another currency",
    spoil: (world) => row(world, "charges", declined).currency = "CHF",
    fails: ["gateway"],
    who: declined,
    says: /^the gateway's ledger says \d+ CHF cents, its events do not$/,
  },
  {
    name: "a charge that goes by another name",
    spoil: (world) => row(world, "charges", declined).payment_id = "pay-x",
    fails: ["gateway"],
    who: declined,
    says: /^the gateway calls the payment pay-x, its events do not$/,
  },
  {
    name: "a charge that is neither charged nor declined",
    spoil: (world) => row(world, "charges", declined).status = "asked",
    fails: ["gateway"],
    who: declined,
    says: /^the gateway's ledger has it as asked$/,
  },
  {
    name: "money that the gateway took and nobody asked for",
    spoil: (world) =>
      world.tables.charges.push({
        ...row(world, "charges", confirmed),
        idempotency_key: `${confirmed}.again`,
        amount_cents: 1_00,
      }),
    fails: ["gateway"],
    who: "EUR",
    says: /^the gateway charged .* and gave back .*: confirmed .*, held by dead letters /,
  },
  {
    name: "money that the gateway gave back unasked",
    spoil: (world) => row(world, "charges", confirmed).refunded_cents = 700,
    fails: ["gateway"],
    who: "EUR",
    says: /^the gateway charged .* and gave back 7\.00 EUR: confirmed /,
  },
  {
    name: "money that the gateway gave back unasked, where none is held",
    spoil: (world) => row(world, "charges", outOfStock).refunded_cents = 0,
    fails: ["gateway"],
    who: "USD",
    says: /^the gateway charged .* USD and gave back 0\.00 USD: confirmed 34\.00 USD$/,
  },
];
