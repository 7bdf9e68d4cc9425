/** What the tables of cases are made of: what goes wrong, and by which checks it is noticed. */
import { assert } from "@std/assert";
import type { CheckName } from "../checks.ts";
import type { Offender } from "../judge.ts";
import { createFixture, type Scenario, SCENARIOS } from "./scenarios.ts";
import { AT, type Fixture, orderId } from "./fixture.ts";
import { type FixtureOptions } from "./audit_fixture.ts";

/** Order n of every fixture is this scenario, and nothing else is there. */
export const N = Object.fromEntries(SCENARIOS.map((scenario, n) => [scenario, n])) as Record<
  Scenario,
  number
>;
export const after = { version: 1, occurredAt: AT } as const;

/** Takes records out of the log; there must be some. */
export function drop(
  fixture: Fixture,
  ...records: (Fixture["records"][number] | undefined)[]
): void {
  for (const record of records) {
    assert(record, "the fixture has no such record");
    fixture.records = fixture.records.filter((other) => other !== record);
  }
}

export function row(fixture: Fixture, table: keyof Fixture["tables"], key: string) {
  const found = fixture.tables[table].find((row) => Object.values(row)[0] === key);
  assert(found, `the fixture has no ${key} in ${table}`);
  return found;
}

export function dropRow(fixture: Fixture, table: keyof Fixture["tables"], key: string): void {
  const rows = fixture.tables[table];
  rows.splice(rows.indexOf(row(fixture, table, key)), 1);
}

export interface Case {
  readonly name: string;
  readonly mutate: (fixture: Fixture) => void;
  readonly options?: FixtureOptions;
  /** Checks that must fail. */
  readonly fails: readonly CheckName[];
  /** Checks that must not: it is nothing of theirs. */
  readonly passes?: readonly CheckName[];
  /** What the report must name, or begin to. */
  readonly who: string;
  /** What the report says of it. */
  readonly says?: RegExp;
}

export const confirmed = orderId(N.confirmed);
export const outOfStock = orderId(N.out_of_stock);
export const declined = orderId(N.card_declined);

/** The case's fixture, and how it is audited. */
export function fixtureOf({ mutate, options = {} }: Case): [Fixture, FixtureOptions] {
  const fixture = createFixture(SCENARIOS);
  mutate(fixture);
  return [fixture, options];
}

/** Whether offenders of the checks that must fail say what is wrong. */
export function isNamed({ who, says = /^/ }: Case, offenders: readonly Offender[]): boolean {
  return offenders.some((one) => one.who.startsWith(who) && says.test(one.what));
}
