/**
 * Every query of the audit is needed, and each part of it: without it something that is wrong is not
 * noticed, or something that is right is named.
 */
import { assertEquals } from "@std/assert";
import type { DatabaseSync } from "node:sqlite";
import { CHECK_NAMES, type CheckName, CHECKS } from "./checks.ts";
import { askColumn } from "./order_columns.ts";
import { READINGS } from "./duties.ts";
import type { Offender } from "./judge.ts";
import { CASES } from "./testing/cases.ts";
import { type Case, fixtureOf, isNamed } from "./testing/case.ts";
import { databaseOf } from "./testing/audit_fixture.ts";
import { ANSWERED_READINGS } from "./testing/offset_cases.ts";
import { SOUND } from "./testing/sound.ts";
import { withoutBranches, withoutConditions } from "./testing/sql.ts";

interface LoadedCase {
  readonly one: Case;
  readonly database: DatabaseSync;
  /** By the check that must fail. */
  readonly offenders: ReadonlyMap<CheckName, readonly Offender[]>;
}

/** The first few: without a condition a query may return rows for ever. */
function offendersOf(database: DatabaseSync, sql: string): Offender[] {
  const first: Offender[] = [];
  for (const { who, what } of database.prepare(sql).iterate()) {
    first.push({ who: String(who), what: String(what) });
    if (first.length === 5) break;
  }
  return first;
}

async function withDatabases(
  test: (sound: readonly DatabaseSync[], cases: readonly LoadedCase[]) => void,
): Promise<void> {
  const sound: DatabaseSync[] = [];
  const cases: LoadedCase[] = [];
  try {
    for (const { make } of SOUND) sound.push(await databaseOf(...make()));
    for (const one of CASES) {
      const database = await databaseOf(...fixtureOf(one));
      const offenders = new Map(
        one.fails.map((name) => [name, offendersOf(database, CHECKS[name].sql)]),
      );
      cases.push({ one, database, offenders });
    }
    test(sound, cases);
  } finally {
    for (const database of [...sound, ...cases.map(({ database }) => database)]) database.close();
  }
}

/** Whether another query of a check names what is right, or no longer names what a case has wrong. */
function isNoticed(
  name: CheckName,
  sql: string,
  sound: readonly DatabaseSync[],
  cases: readonly LoadedCase[],
): boolean {
  const saysNothing = (database: DatabaseSync) => offendersOf(database, sql).length === 0;
  if (!sound.every(saysNothing)) return true;
  return cases.some(({ one, database, offenders }) => {
    if (one.passes?.includes(name) && !saysNothing(database)) return true;
    if (!one.fails.includes(name)) return false;
    const found = offendersOf(database, sql);
    const all = one.fails.flatMap((other) => other === name ? found : offenders.get(other)!);
    return found.length === 0 || !isNamed(one, all);
  });
}

/** What only makes a query faster, or chooses which of two equal ones is named. */
const SPARING: Partial<Record<CheckName, readonly string[]>> = {
  acknowledged: ["topic = 'orders.raw'", "not_judged.placed"],
  messages: ["first.kind = 'OrderPlaced'", "first.id < event.id"],
  twice: ["first.id < event.id"],
};

/** What the files named are the test of. */
const ELSEWHERE: Partial<Record<CheckName, readonly (string | RegExp)[]>> = {
  // coverage_test.ts
  covered: [/was not looked at/],
  // retention_test.ts
  outcome: [
    /which nothing proves/,
    "why = 'older'",
    "placed",
    "not has_outcome",
    "topic = 'orders.outcomes'",
    /^\(?first = 0/,
    "messages = 0",
    /^\(messages = 0/,
    /^order_id not in/,
    "outcome is not null",
    /^placed_at > first_at/,
    /^not exists \( select 1 from waiting/,
    /^w\.kind in/,
  ],
  acknowledged: ["order_id > run_id || '-'", "order_id < run_id || '.'", "placed_at > raw_at"],
  messages: ["again.topic = 'orders.raw'"],
  // deleted_test.ts
  deleted: [/^first - read_to > iif/, /^messages > 0/],
};

function isElsewhere(name: CheckName, what: string): boolean {
  return ELSEWHERE[name]?.some((one) => typeof one === "string" ? one === what : one.test(what)) ??
    false;
}

/** Columns of messages that no case is about, such as the halves of a join of your own service. */
const WITHOUT_CASE = READINGS.filter(({ service, topic }) =>
  !ANSWERED_READINGS.some((one) => one.service === service && one.topic === topic)
).map((reading) => askColumn(reading, reading.topic));

/**
 * A query without what no case is about; of the promise about further tables, which has a part for each
 * service, the part of one that has some.
 */
function partOf(name: CheckName): string {
  const parts = CHECKS[name].sql.split(/^union all$/m);
  if (name !== "rows") {
    return parts.filter((part) => !WITHOUT_CASE.some((column) => part.includes(column)))
      .join("union all");
  }
  const ofValidator = parts.filter((part) => part.includes("'validator"));
  assertEquals(ofValidator.length, 2);
  return ofValidator.join("union all");
}

/** `a.x = b.y` says only which rows belong together. */
const BELONGS = /^[\w.]+ = (?!'[^']*'$)/;

Deno.test("audit: passes every sound fixture of its queries' test", async () => {
  for (const { name, make } of SOUND) {
    const database = await databaseOf(...make());
    const named = CHECK_NAMES.flatMap((check) => offendersOf(database, CHECKS[check].sql));
    database.close();
    assertEquals(named, [], name);
  }
});

Deno.test("audit: without any one branch or condition of a query, a test fails", async () => {
  await withDatabases((sound, cases) => {
    const unnoticed: string[] = [];
    for (const name of CHECK_NAMES) {
      const sql = partOf(name);
      const tell = (what: string) => unnoticed.push(`${name}: ${what}`);
      for (const { what, sql: blind } of withoutBranches(sql)) {
        if (!isElsewhere(name, what) && !isNoticed(name, blind, sound, cases)) tell(what);
      }
      for (const { condition, without, opposite } of withoutConditions(sql)) {
        if (BELONGS.test(condition) || SPARING[name]?.includes(condition)) continue;
        if (isElsewhere(name, condition)) continue;
        const mutants = [without, opposite];
        if (!mutants.some((mutant) => isNoticed(name, mutant, sound, cases))) tell(condition);
      }
    }
    assertEquals(unnoticed, []);
  });
});
