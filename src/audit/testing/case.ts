/** What the tables of cases are made of: what goes wrong, and by which checks it is noticed. */
import { assert } from "@std/assert";
import type { CheckName } from "../findings.ts";
import { type Fate, FATES } from "./orders.ts";
import { AT, orderId, type World } from "./world.ts";

/** Order n of every fixture has this fate, and nothing else is there. */
export const N = Object.fromEntries(FATES.map((fate, n) => [fate, n])) as Record<Fate, number>;
export const after = { version: 1, occurredAt: AT } as const;

/** Takes records out of the log; there must be some. */
export function drop(world: World, ...records: (World["records"][number] | undefined)[]): void {
  for (const record of records) {
    assert(record, "the fixture has no such record");
    world.records = world.records.filter((other) => other !== record);
  }
}

export function row(world: World, table: keyof World["tables"], key: string) {
  const found = world.tables[table].find((row) => Object.values(row)[0] === key);
  assert(found, `the fixture has no ${key} in ${table}`);
  return found;
}

export function dropRow(world: World, table: keyof World["tables"], key: string): void {
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
  /** What the report says of it. */
  readonly says?: RegExp;
}

export const confirmed = orderId(N.confirmed);
export const outOfStock = orderId(N.out_of_stock);
export const declined = orderId(N.card_declined);
