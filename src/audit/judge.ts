/** Asks the audit's database what breaks a promise. */
import type { DatabaseSync } from "node:sqlite";
import type { Check } from "./checks/check.ts";

/** One thing that is wrong. */
export interface Offender {
  /** An order's id; or the product, topic, run, dead letter or currency that it is about. */
  readonly who: string;
  readonly what: string;
}

/** The result of a check. */
export interface Judged {
  /** G1 to G5 of the design. */
  readonly guarantee: string;
  /** The promise. */
  readonly title: string;
  readonly passed: boolean;
  /** How much was looked at. */
  readonly counts: Readonly<Record<string, number>>;
  /** How often the promise is broken. */
  readonly failures: number;
  /** The first few. */
  readonly offenders: readonly Offender[];
}

const MAX_OFFENDERS = 5;

export function judge(database: DatabaseSync, check: Check): Judged {
  const offenders: Offender[] = [];
  let failures = 0;
  for (const { who, what } of database.prepare(check.sql).iterate()) {
    failures++;
    if (failures <= MAX_OFFENDERS) offenders.push({ who: String(who), what: String(what) });
  }
  return {
    guarantee: check.guarantee,
    title: check.promise,
    passed: failures === 0,
    counts: countsOf(database, check.counts),
    failures,
    offenders,
  };
}

function countsOf(database: DatabaseSync, counts: Check["counts"]): Record<string, number> {
  if (typeof counts === "string") {
    const rows = database.prepare(counts).all();
    return Object.fromEntries(rows.map(({ name, n }) => [String(name), Number(n)]));
  }
  const one = database.prepare("select n from counted where name = ?");
  return Object.fromEntries(
    Object.entries(counts).map(([name, counted]) => {
      const row = one.get(counted);
      if (!row) throw new TypeError(`nothing is counted as "${counted}"`);
      return [name, Number(row.n)];
    }),
  );
}
