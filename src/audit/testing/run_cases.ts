/** What the simulator's ledger says of its runs, and orders.raw does not. */
import { table } from "../../database/database.ts";
import { type Case, confirmed, declined, drop, dropRow, N, row } from "./case.ts";
import { SCENARIOS } from "./scenarios.ts";
import { addDeadLetter, appendRecord, eventsOf, type Fixture, orderId, RUN } from "./fixture.ts";

/** What the simulator's ledger says of the run. */
function setRun(
  fixture: Fixture,
  { acknowledged, placed }: { acknowledged: number; placed: number },
) {
  row(fixture, "runs", RUN).acknowledged = acknowledged;
  row(fixture, "placements", RUN).placed = placed;
}

export const RUN_CASES: readonly Case[] = [
  {
    name: "an acknowledged order is lost",
    mutate: (fixture) =>
      setRun(fixture, { acknowledged: SCENARIOS.length + 1, placed: SCENARIOS.length + 1 }),
    fails: ["acknowledged"],
    who: orderId(SCENARIOS.length),
    says: /^was acknowledged, but is not in orders\.raw$/,
  },
  {
    name: "an acknowledged order is lost, and of others the outcomes were deleted",
    mutate: (fixture) => drop(fixture, ...eventsOf(fixture, N.card_declined, "OrderPlaced")),
    options: { first: new Map([["t.orders.outcomes 2", 1]]) },
    fails: ["acknowledged"],
    who: declined,
  },
  {
    name: "an order that nobody placed",
    mutate: (fixture) => setRun(fixture, { acknowledged: 0, placed: N.parked }),
    fails: ["acknowledged"],
    who: orderId(N.parked),
  },
  {
    name: "an order far beyond those that anybody placed",
    mutate: (fixture) => {
      const raw = appendRecord(fixture, "orders.raw", 0, orderId(5_000_000), null);
      addDeadLetter(fixture, "validator", raw, "empty_value");
    },
    fails: ["acknowledged"],
    who: orderId(5_000_000),
  },
  {
    name: "a run that is finished, and has orders that are not acknowledged",
    mutate: (fixture) =>
      setRun(fixture, { acknowledged: SCENARIOS.length, placed: SCENARIOS.length + 1 }),
    fails: ["acknowledged"],
    who: "run r1",
  },
  {
    name: "a topic that is not there",
    mutate: () => {},
    options: { missing: "t.payment.events" },
    fails: ["whole"],
    who: "payment.events",
    says: /^there is no such topic$/,
  },
  {
    name: "a batch that cannot be read",
    mutate: () => {},
    options: {
      unreadable: {
        topic: "t.orders.raw",
        partition: 1,
        offset: 3,
        next: 9,
        bytes: new Uint8Array(),
        endless: false,
        why: "a codec that is not known",
      },
    },
    fails: ["whole"],
    who: "orders.raw 1",
    says: /^its offsets 3 to 8 cannot be read \(a codec that is not known\) nor audited$/,
  },
];

// Tables that have no promise of their own, and their rows.

const UNKNOWN_TABLE = {
  service: "payment" as const,
  owner: "payment",
  table: table("receipts", "number", { number: "text" }),
  isByOrder: false,
};

export const TABLE_CASES: readonly Case[] = [
  {
    name: "a table that no promise covers",
    mutate: (fixture) => fixture.serviceTables = [...fixture.serviceTables, UNKNOWN_TABLE],
    fails: ["covered"],
    who: "table payment.receipts",
    says:
      /^no promise covers it: a table without a row an order needs a promise of its own, or say/,
  },
  {
    name: "an order without its row in a table that has no promise of its own",
    mutate: (fixture) => dropRow(fixture, "seen_orders", confirmed),
    fails: ["rows"],
    who: confirmed,
    says: /^validator answered it, but validator\.seen_orders has no row for it$/,
  },
  {
    name: "a row of such a table for an order that was never placed",
    mutate: (fixture) => fixture.tables.seen_orders.push({ order_id: orderId(99) }),
    fails: ["rows"],
    who: orderId(99),
    says: /^validator\.seen_orders has a row for it, but nothing asked validator about it$/,
  },
  {
    name: "a row for an order that another service's dead letter names",
    mutate(fixture) {
      const raw = appendRecord(fixture, "orders.validated", 0, orderId(99), null);
      addDeadLetter(fixture, "inventory", raw, "empty_value");
      fixture.tables.seen_orders.push({ order_id: orderId(99) });
    },
    fails: ["rows"],
    who: orderId(99),
  },
];
