/** What many schedules came to. */
import { FAULT_KINDS, type FaultKind } from "../faults/faults.ts";
import type { Result, Violation } from "../result.ts";

export interface Failure {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

export interface Tally {
  schedules: number;
  orders: number;
  /** How often each kind of fault happened. */
  readonly faults: Map<FaultKind, number>;
  /** How often each error code was answered, and what else the network saw. */
  readonly met: Map<string, number>;
  failures: Failure[];
}

export function emptyTally(): Tally {
  return {
    schedules: 0,
    orders: 0,
    faults: new Map(FAULT_KINDS.map((kind) => [kind, 0])),
    met: new Map(),
    failures: [],
  };
}

export function addResult(tally: Tally, { seed, violations, orders, faults, met }: Result): void {
  tally.schedules++;
  tally.orders += orders;
  for (const { kind } of faults) add(tally.faults, kind, 1);
  for (const [what, count] of met) add(tally.met, what, count);
  if (violations.length > 0) tally.failures.push({ seed, violations });
}

export function addTally(tally: Tally, other: Tally): void {
  tally.schedules += other.schedules;
  tally.orders += other.orders;
  for (const [kind, count] of other.faults) add(tally.faults, kind, count);
  for (const [what, count] of other.met) add(tally.met, what, count);
  tally.failures = [...tally.failures, ...other.failures].sort((a, b) => a.seed - b.seed);
}

function add<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
