/** What can go wrong with the rows of the tables, or beside them. */
import { type Case, confirmed, declined, drop, dropRow, N, outOfStock, row } from "./case.ts";
import { eventsOf } from "./fixture.ts";

export const ROW_CASES: readonly Case[] = [
  {
    name: "oversold",
    mutate: (fixture) => row(fixture, "stock", "p-1").on_hand = -1,
    fails: ["stock"],
    who: "p-1",
  },
  {
    name: "stock that leaked",
    mutate: (fixture) => row(fixture, "stock", "p-2").on_hand = 17,
    fails: ["stock"],
    who: "p-2",
  },
  ...([
    ["joins", "joins", { order_id: "o-9", outcome: null }, "no outcome; seen: nothing"],
    [
      "joins",
      "joins",
      { order_id: "o-9", outcome: '{"type":"OrderConfirmed"}' },
      "OrderConfirmed; seen: nothing",
    ],
    [
      "reservations",
      "reservations",
      { order_id: "o-9", state: "reserved" },
      "reserved; its events say: none",
    ],
    [
      "payments",
      "payments",
      { order_id: "o-9", state: "processed" },
      "processed; its events say: none",
    ],
    [
      "charges",
      "gateway",
      { idempotency_key: "o-9", status: "declined" },
      "declined; its events say: none",
    ],
  ] as const).map(([table, check, row, says]): Case => ({
    name: `a row in ${table} of an order without an event: ${says}`,
    mutate: (fixture) => fixture.tables[table].push({ ...row }),
    fails: [check],
    who: "o-9",
    says: new RegExp(`^its row: ${says}$`),
  })),
  {
    name: "an event without its reservation",
    mutate: (fixture) => dropRow(fixture, "reservations", confirmed),
    fails: ["reservations"],
    who: confirmed,
  },
  {
    name: "charged twice by the gateway, under another key",
    mutate: (fixture) =>
      fixture.tables.charges.push({
        ...row(fixture, "charges", confirmed),
        idempotency_key: `${confirmed}.again`,
      }),
    fails: ["gateway"],
    who: `${confirmed}.again`,
  },
  {
    name: "charged by the gateway, and declined by the events",
    mutate: (fixture) => row(fixture, "charges", declined).status = "charged",
    fails: ["gateway"],
    who: declined,
  },
  {
    name: "refunded by the events, and not by the gateway",
    mutate: (fixture) => row(fixture, "charges", outOfStock).refunded_cents = 0,
    fails: ["gateway"],
    who: outOfStock,
  },
  {
    name: "refunded in part",
    mutate: (fixture) => row(fixture, "charges", outOfStock).refunded_cents = 1,
    fails: ["gateway"],
    who: outOfStock,
    says: /^the gateway gave back 1 of \d+ cents$/,
  },
  {
    name: "refunded in part, where other orders' messages were deleted",
    mutate: (fixture) => row(fixture, "charges", outOfStock).refunded_cents = 1,
    options: { first: new Map([["t.orders.outcomes 2", 1]]) },
    fails: ["gateway"],
    who: outOfStock,
    says: /^the gateway gave back 1 of \d+ cents$/,
  },
  {
    name: "a payment that the table calls processed, though it was refunded",
    mutate: (fixture) => row(fixture, "payments", outOfStock).state = "processed",
    fails: ["payments"],
    who: outOfStock,
  },
  {
    name: "an outcome that the table of joins does not have",
    mutate: (fixture) => dropRow(fixture, "joins", confirmed),
    fails: ["joins"],
    who: confirmed,
    says: /^its row: no outcome; seen: .*OrderConfirmed$/,
  },
  {
    name: "an outcome in the table of joins alone",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.confirmed, "OrderConfirmed")),
    fails: ["joins"],
    who: confirmed,
    says: /^its row: OrderConfirmed; seen: OrderPlaced, OrderValidated(, \w+){2,}$/,
  },
  {
    name: "an outcome that a message completed which is no half of it",
    mutate: (fixture) => row(fixture, "joins", confirmed).decided_by_offset = 77,
    fails: ["joins"],
    who: confirmed,
    says: /^its row says that inventory\.events @77 completed it, where no half of it is$/,
  },
  {
    name: "an outcome that a message of another topic completed",
    mutate: (fixture) => row(fixture, "joins", confirmed).decided_by_topic = "orders.raw",
    fails: ["joins"],
    who: confirmed,
    says: /^its row says that orders\.raw @0 completed it, where no half of it is$/,
  },
  {
    name: "oversold, and the sums agree",
    mutate(fixture) {
      const stock = row(fixture, "stock", "p-1");
      stock.initial = Number(stock.initial) - Number(stock.on_hand) - 1;
      stock.on_hand = -1;
    },
    fails: ["stock"],
    who: "p-1",
    says: /^-1 on hand: oversold$/,
  },
  {
    name: "a product that the table does not have",
    mutate: (fixture) => dropRow(fixture, "stock", "p-3"),
    fails: ["stock"],
    who: "p-3",
    says: /^changed by -\d+, but the table does not have it$/,
  },
  ...["initial", "on_hand"].map((column): Case => ({
    name: `a product whose row does not say ${column}`,
    mutate: (fixture) => row(fixture, "stock", "p-1")[column] = null,
    fails: ["stock"],
    who: "p-1",
    says: /^its row does not say initial and on_hand$/,
  })),
  ...["stock", "reservations"].map((check): Case => ({
    name: `a reservation of other pieces, in the table alone: ${check}`,
    mutate(fixture) {
      const changes = [{ productId: "p-1", delta: -1 }];
      row(fixture, "reservations", confirmed).decision = JSON.stringify({ changes });
    },
    // The log tells how much there should be, where it is whole.
    ...check === "stock" && { options: { first: new Map([["t.orders.outcomes 2", 1]]) } },
    fails: [check as "stock" | "reservations"],
    who: check === "stock" ? "p-1" : confirmed,
    says: check === "stock"
      ? /^initial 1000000, reserved by rows of its table \d+: expected \d+ on hand, found \d+$/
      : /^its row says \{"p-1":1\}; its events say \{"p-1":2,"p-2":2\}$/,
  })),
  {
    name: "a reservation that does not say which pieces",
    mutate: (fixture) => row(fixture, "reservations", confirmed).decision = null,
    fails: ["reservations"],
    who: confirmed,
    says: /^its row says no pieces; its events say \{/,
  },
  {
    name: "a reservation that is damaged",
    mutate: (fixture) => row(fixture, "reservations", confirmed).decision = '{"changes":[null]}',
    fails: ["reservations"],
    who: confirmed,
    says: /^its row says \{/,
  },
  {
    name: "a reservation in a state that there is not",
    mutate: (fixture) => row(fixture, "reservations", confirmed).state = "lent",
    fails: ["reservations"],
    who: confirmed,
    says: /^its row's state is lent$/,
  },
  {
    name: "a payment in a state that there is not",
    mutate: (fixture) => row(fixture, "payments", confirmed).state = "owed",
    fails: ["payments"],
    who: confirmed,
    says: /^its row's state is owed$/,
  },
  {
    name: "a payment of another amount",
    mutate: (fixture) => row(fixture, "payments", confirmed).amount_cents = 5,
    fails: ["payments"],
    who: confirmed,
    says: /^its row says 5 EUR cents, its events do not$/,
  },
  {
    name: "a payment without an amount",
    mutate: (fixture) => row(fixture, "payments", confirmed).amount_cents = null,
    fails: ["payments"],
    who: confirmed,
    says: /^its row says null EUR cents, its events do not$/,
  },
  {
    name: "a payment in another currency",
    mutate: (fixture) => row(fixture, "payments", confirmed).currency = "CHF",
    fails: ["payments"],
    who: confirmed,
    says: /^its row says \d+ CHF cents, its events do not$/,
  },
  {
    name: "a payment that goes by another name",
    mutate: (fixture) => row(fixture, "payments", confirmed).payment_id = "pay-x",
    fails: ["payments"],
    who: confirmed,
    says: /^its row is about payment pay-x, its events are not$/,
  },
  {
    name: "a charge of another amount",
    mutate: (fixture) => row(fixture, "charges", declined).amount_cents = 5,
    fails: ["gateway"],
    who: declined,
    says: /^the gateway's ledger says 5 EUR cents, its events do not$/,
  },
  {
    name: "a charge in another currency",
    mutate: (fixture) => row(fixture, "charges", declined).currency = "CHF",
    fails: ["gateway"],
    who: declined,
    says: /^the gateway's ledger says \d+ CHF cents, its events do not$/,
  },
  {
    name: "a charge that goes by another name",
    mutate: (fixture) => row(fixture, "charges", declined).payment_id = "pay-x",
    fails: ["gateway"],
    who: declined,
    says: /^the gateway calls the payment pay-x, its events do not$/,
  },
  {
    name: "a charge that is neither charged nor declined",
    mutate: (fixture) => row(fixture, "charges", declined).status = "asked",
    fails: ["gateway"],
    who: declined,
    says: /^the gateway's ledger has it as asked$/,
  },
  {
    name: "money that the gateway took and nobody asked for",
    mutate: (fixture) =>
      fixture.tables.charges.push({
        ...row(fixture, "charges", confirmed),
        idempotency_key: `${confirmed}.again`,
        amount_cents: 1_00,
      }),
    fails: ["gateway"],
    who: "EUR",
    says: /^the gateway charged .* and gave back .*: confirmed .*, held by dead letters /,
  },
  {
    name: "money that the gateway gave back unasked",
    mutate: (fixture) => row(fixture, "charges", confirmed).refunded_cents = 700,
    fails: ["gateway"],
    who: "EUR",
    says: /^the gateway charged .* and gave back 7\.00 EUR: confirmed /,
  },
  {
    name: "money that the gateway gave back unasked, where none is held",
    mutate: (fixture) => row(fixture, "charges", outOfStock).refunded_cents = 0,
    fails: ["gateway"],
    who: "USD",
    says: /^the gateway charged .* USD and gave back 0\.00 USD: confirmed 34\.00 USD$/,
  },
  ...([
    ["joins", "joins", "outcome"],
    ["reservations", "reservations", "state"],
    ["payments", "payments", "state"],
    ["charges", "gateway", "status"],
  ] as const).map(([table, check, column]): Case => ({
    name: `a wrong ${column} in ${table}, where other orders' messages were deleted`,
    mutate: (fixture) => row(fixture, table, confirmed)[column] = null,
    options: { first: new Map([["t.orders.outcomes 2", 1]]) },
    fails: [check],
    who: confirmed,
  })),
];
