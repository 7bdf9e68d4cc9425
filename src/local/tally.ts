/**
 * What became of the orders, counted from the log: outcomes by kind and reason, dead letters, and the
 * time from placed to outcome. It asks no service, so that any of them may be killed.
 */
import { decode } from "../events/codec.ts";
import { LatencyHistogram } from "../services/analytics/histogram.ts";
import { isDeadLetter, reasonOf } from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";
import type { Processor } from "../topology.ts";

type Counts = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface Tally {
  /** Orders with an outcome, and messages that the validator has a dead letter of instead. */
  readonly settled: number;
  /** `OrderConfirmed` …, to a count by reason ("" where there is none). */
  readonly outcomes: Counts;
  /** By service, to a count by reason. */
  readonly deadLetters: Counts;
  /** Placed to outcome. */
  readonly latency: LatencyHistogram;
  /** Epoch milliseconds of the first order placed, of the last one, and of the last outcome. */
  readonly firstPlacedAtMs: number;
  readonly lastPlacedAtMs: number;
  readonly lastOutcomeAtMs: number;
  /** The first order of each kind, to look at more closely. */
  readonly examples: ReadonlyMap<string, string>;
}

export function createTally() {
  const outcomes = new Map<string, Map<string, number>>();
  const deadLetters = new Map<string, Map<string, number>>();
  const examples = new Map<string, string>();
  const latency = new LatencyHistogram();
  let settled = 0;
  let firstPlacedAtMs = Infinity;
  let lastPlacedAtMs = -Infinity;
  let lastOutcomeAtMs = -Infinity;

  const count = (counts: Map<string, Map<string, number>>, name: string, reason: string) => {
    let reasons = counts.get(name);
    if (!reasons) counts.set(name, reasons = new Map());
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  };

  return {
    /** Counts records of orders.outcomes. */
    addOutcomes(records: readonly LogRecord[]): void {
      for (const { key, value } of records) {
        const decoded = decode("orders.outcomes", key, value);
        if (!decoded.ok) continue;
        const { event } = decoded;
        if (!("placedAt" in event)) continue;
        count(outcomes, event.type, "reason" in event ? event.reason : "");
        settled++;
        if (!examples.has(event.type)) examples.set(event.type, event.orderId);
        const placedAtMs = Date.parse(event.placedAt);
        const outcomeAtMs = Date.parse(event.occurredAt);
        latency.add(outcomeAtMs - placedAtMs);
        firstPlacedAtMs = Math.min(firstPlacedAtMs, placedAtMs);
        lastPlacedAtMs = Math.max(lastPlacedAtMs, placedAtMs);
        lastOutcomeAtMs = Math.max(lastOutcomeAtMs, outcomeAtMs);
      }
    },
    /** Counts records of a service's dead-letter topic. */
    addDeadLetters(service: Processor, records: readonly LogRecord[]): void {
      for (const record of records) {
        if (!isDeadLetter(record)) continue;
        const reason = reasonOf(record);
        count(deadLetters, service, reason);
        // A second copy of an order: the order itself has its outcome beside it.
        if (service === "validator" && reason !== "duplicate_order") settled++;
      }
    },
    get tally(): Tally {
      return {
        settled,
        outcomes,
        deadLetters,
        latency,
        firstPlacedAtMs,
        lastPlacedAtMs,
        lastOutcomeAtMs,
        examples,
      };
    },
  };
}

/** What came of placing orders. */
export interface Placing {
  readonly acknowledged: number;
  /** The longest time in which no order was settled although some were open. */
  readonly longestStallMs: number;
}

/** How long nothing was settled although orders were open: what a disturbance costs. */
export interface Stall {
  /** Takes a sample; `nowMs` is of a clock that never goes back. */
  sample(counts: { settled: number; acknowledged: number }, nowMs: number): void;
  /** The present one, up to the last sample; 0 while orders are settled, or none is open. */
  readonly presentMs: number;
  /** The longest that has ended. */
  readonly longestMs: number;
}

export function createStall(): Stall {
  let lastSettled = 0;
  let sinceMs: number | undefined;
  let presentMs = 0;
  let longestMs = 0;
  return {
    sample({ settled, acknowledged }, nowMs) {
      const elapsedMs = nowMs - (sinceMs ??= nowMs);
      const ended = settled !== lastSettled;
      if (ended) longestMs = Math.max(longestMs, elapsedMs);
      if (ended || settled >= acknowledged) sinceMs = nowMs;
      presentMs = nowMs - sinceMs;
      lastSettled = settled;
    },
    get presentMs() {
      return presentMs;
    },
    get longestMs() {
      return longestMs;
    },
  };
}
