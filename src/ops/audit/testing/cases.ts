/**
 * What can go wrong, one thing at a time, in a world of every fate: each makes the checks fail that it
 * names. Every check is named by some case but `whole`, which is about the topics themselves.
 */
import { assert } from "@std/assert";
import { eventId } from "../../../events/schemas.ts";
import type { CheckName } from "../books/findings.ts";
import { type Fate, FATES } from "./orders.ts";
import {
  appendCopy,
  appendEvent,
  appendRecord,
  AT,
  bury,
  eventIn,
  eventsOf,
  judge,
  orderId,
  partitionOf,
  rewrite,
  RUN,
  type World,
} from "./world.ts";

/** Order n of every fixture has this fate, and nothing else is there. */
const N = Object.fromEntries(FATES.map((fate, n) => [fate, n])) as Record<Fate, number>;
const after = { version: 1, occurredAt: AT } as const;

/** Takes records out of the log; there must be some. */
export function drop(world: World, ...records: (World["records"][number] | undefined)[]): void {
  for (const record of records) {
    assert(record, "the fixture has no such record");
    world.records = world.records.filter((other) => other !== record);
  }
}

function row(world: World, table: keyof World["tables"], key: string) {
  const found = world.tables[table].find((row) => Object.values(row)[0] === key);
  assert(found, `the fixture has no ${key} in ${table}`);
  return found;
}

/** What the simulator's ledger says of the run. */
function setRun(world: World, { acknowledged, placed }: { acknowledged: number; placed: number }) {
  row(world, "runs", RUN).acknowledged = acknowledged;
  row(world, "placements", RUN).placed = placed;
}

function dropRow(world: World, table: keyof World["tables"], key: string): void {
  const rows = world.tables[table];
  rows.splice(rows.indexOf(row(world, table, key)), 1);
}

export interface Case {
  readonly name: string;
  readonly spoil: (world: World) => void;
  /** Checks that must fail. */
  readonly fails: readonly CheckName[];
  /** What the report must name, or begin to. */
  readonly who: string;
}

const confirmed = orderId(N.confirmed);
const outOfStock = orderId(N.out_of_stock);
const declined = orderId(N.card_declined);

export const CASES: readonly Case[] = [
  {
    name: "an acknowledged order is lost",
    spoil: (world) => setRun(world, { acknowledged: FATES.length + 1, placed: FATES.length + 1 }),
    fails: ["acknowledged"],
    who: orderId(FATES.length),
  },
  {
    name: "an order that nobody placed",
    spoil: (world) => setRun(world, { acknowledged: 0, placed: N.parked }),
    fails: ["acknowledged"],
    who: orderId(N.parked),
  },
  {
    name: "an order far beyond those that anybody placed",
    spoil: (world) => {
      const raw = appendRecord(world, "orders.raw", 0, orderId(5_000_000), null);
      bury(world, "validator", raw, "empty_value");
    },
    fails: ["acknowledged"],
    who: orderId(5_000_000),
  },
  {
    name: "a run that is finished, and has orders that are not acknowledged",
    spoil: (world) => setRun(world, { acknowledged: FATES.length, placed: FATES.length + 1 }),
    fails: ["acknowledged"],
    who: "run r1",
  },
  {
    name: "a confirmed order's message is gone",
    spoil: (world) => drop(world, ...eventsOf(world, N.confirmed, "OrderPlaced")),
    fails: ["acknowledged", "orderless"],
    who: confirmed,
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
  },
  {
    name: "a broken message without a dead letter",
    spoil: (world) => appendRecord(world, "orders.raw", 1, "broken-1", new Uint8Array([0xff])),
    fails: ["messages"],
    who: "broken-1",
  },
  {
    name: "a broken message with two dead letters",
    spoil: (world) => {
      const raw = world.records.find((record) =>
        record.topic === "t.orders.raw" && record.partition === partitionOf(N.broken) &&
        eventIn(record) === undefined
      )!;
      bury(world, "validator", raw, "invalid_json");
    },
    fails: ["letters"],
    // What has letters is its offset; the letter names it.
    who: "t.dlq.validator 0@",
  },
  {
    name: "an order placed twice, the second message no dead letter",
    spoil: (world) => appendCopy(world, eventsOf(world, N.confirmed, "OrderPlaced")[0]!),
    fails: ["messages"],
    who: confirmed,
  },
  {
    name: "an order whose only message is called a duplicate",
    spoil: (world) => {
      const raw = appendRecord(world, "orders.raw", 0, "only", new TextEncoder().encode("{"));
      bury(world, "validator", raw, "duplicate_order");
    },
    fails: ["messages"],
    who: "only",
  },
  {
    name: "an event twice",
    spoil: (world) => appendCopy(world, eventsOf(world, N.confirmed, "OrderConfirmed")[0]!),
    fails: ["twice", "balance"],
    who: confirmed,
  },
  {
    name: "a reservation twice, in the log alone",
    spoil: (world) => appendCopy(world, eventsOf(world, N.card_declined, "InventoryUpdated")[0]!),
    fails: ["twice", "stock"],
    who: declined,
  },
  {
    name: "something that is no event on an inner topic",
    spoil: (world) =>
      appendRecord(world, "payment.events", 0, "o-1", new TextEncoder().encode("{}")),
    fails: ["readable"],
    who: "o-1",
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
    name: "the wrong amount charged",
    spoil: (world) =>
      rewrite(world, eventsOf(world, N.confirmed, "PaymentProcessed")[0]!, { amountCents: 1 }),
    fails: ["amounts", "balance"],
    who: confirmed,
  },
  {
    name: "the wrong currency charged",
    spoil: (world) =>
      rewrite(world, eventsOf(world, N.confirmed, "PaymentProcessed")[0]!, { currency: "JPY" }),
    fails: ["amounts"],
    who: confirmed,
  },
  {
    name: "charged twice",
    spoil: (world) => appendCopy(world, eventsOf(world, N.confirmed, "PaymentProcessed")[0]!),
    fails: ["twice"],
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
    name: "cancelled, and not refunded",
    spoil: (world) => drop(world, ...eventsOf(world, N.out_of_stock, "PaymentRefunded")),
    fails: ["refunded", "payments", "gateway"],
    who: outOfStock,
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
    name: "a dead letter for a message that was never there",
    spoil: (world) => {
      const raw = eventsOf(world, N.confirmed, "OrderPlaced")[0]!;
      bury(world, "validator", { ...raw, offset: 999 }, "processing_failed");
    },
    fails: ["letters"],
    who: `t.orders.raw ${partitionOf(N.confirmed)}@999`,
  },
  {
    name: "a dead letter that calls a good order broken",
    spoil: (world) => {
      const raw = appendCopy(world, eventsOf(world, N.confirmed, "OrderPlaced")[0]!);
      bury(world, "validator", raw, "invalid_json");
    },
    fails: ["letters"],
    who: "t.dlq.validator 0@",
  },
  {
    name: "a letter replayed, and nothing arrived",
    spoil: (world) => {
      const raw = appendRecord(world, "orders.raw", 0, "gone", new TextEncoder().encode("{"));
      judge(world, bury(world, "validator", raw, "invalid_json"), "replayed");
    },
    fails: ["replays"],
    who: "t.dlq.validator 0@",
  },
  {
    name: "a letter replayed twice",
    spoil: (world) => {
      const replay = world.records.find((record) => "replayed-from" in record.headers)!;
      const copy = appendCopy(world, replay);
      bury(world, "validator", copy, "duplicate_order");
    },
    fails: ["replays"],
    who: "t.orders.raw",
  },
];
