/** The tables are declared twice on purpose; here they must not drift apart. */
import { assertEquals } from "@std/assert";
import { joins as ownJoins } from "./fulfillment/store.ts";
import { reservations as ownReservations, stock as ownStock } from "./inventory/store.ts";
import { charges as ownCharges } from "./payment/gateway_ledger.ts";
import { payments as ownPayments } from "./payment/store.ts";
import { placements as ownPlacements, runs as ownRuns } from "./simulator/runs.ts";
import { processedOrders as ownSeenOrders } from "./validator/deduplication.ts";
import type { Table } from "../database/database.ts";
import * as read from "./tables.ts";

const PAIRS: readonly (readonly [read.Owned, Table])[] = [
  [read.runs, ownRuns],
  [read.placements, ownPlacements],
  [read.seenOrders, ownSeenOrders],
  [read.stock, ownStock],
  [read.reservations, ownReservations],
  [read.payments, ownPayments],
  [read.charges, ownCharges],
  [read.joins, ownJoins],
];

for (const [{ owner, table }, own] of PAIRS) {
  Deno.test(`tables: ${owner}.${table.name} is as its owner declares it`, () => {
    assertEquals([table.name, table.key], [own.name, own.key]);
    for (const [column, type] of Object.entries(table.columns)) {
      assertEquals(type, own.columns[column], column);
    }
  });
}
