/**
 * Schedules that failed once, and must not again. Each is kept as what was left of it, with a word on what
 * it found. A seed alone is no memory: another kind of fault, and it means another schedule.
 */
import type { Fault } from "../faults/faults.ts";
import type { RunOptions } from "./explain.ts";

export interface KeptSeed {
  readonly seed: number;
  /** What was wrong, in one line. */
  readonly found: string;
  readonly options: RunOptions;
  readonly faults: readonly Fault[];
}

export const KEPT_SEEDS: readonly KeptSeed[] = [];
