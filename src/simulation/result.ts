/** What came of one schedule, as plain data: workers send it to each other. */
import type { Fault } from "./faults/faults.ts";
import type { Shape } from "./shape.ts";

/** A promise that was broken. */
export interface Violation {
  /** `G1` to `G6`; `error` where the code failed in a way that none of it expects. */
  readonly promise: string;
  readonly what: string;
  /** Ids of the orders involved, as far as known. */
  readonly orders: readonly string[];
}

/** A line of the story of a schedule. */
export interface TraceEntry {
  readonly atMs: number;
  /** A process such as `payment-2`, or `fault`, `cluster`. */
  readonly who: string;
  readonly what: string;
  /** Of the orders that it is about. */
  readonly orders: readonly string[];
}

export interface Result {
  readonly seed: number;
  readonly shape: Shape;
  readonly faults: readonly Fault[];
  /** None: all promises were kept. */
  readonly violations: readonly Violation[];
  /** How often each error code was answered, by API and the code's name: `EndTxn NOT_COORDINATOR`. */
  readonly answers: Readonly<Record<string, number>>;
  /** When everything had come to rest, in virtual time. */
  readonly endedMs: number;
  /** Empty where none was asked for. */
  readonly trace: readonly TraceEntry[];
}

/** The promise that a schedule breaks first, for comparisons; undefined where it keeps all. */
export function brokenPromise({ violations }: Pick<Result, "violations">): string | undefined {
  return violations[0]?.promise;
}
