/**
 * What became of the orders, counted from the log: outcomes by kind and reason, dead letters, and the
 * time from placed to outcome. Nothing is asked of the services, so that any of them may be killed.
 */
import { decode } from "../events/codec.ts";
import { LatencyHistogram } from "../services/analytics/histogram.ts";
import { DEAD_LETTER_HEADERS } from "../stream/dead_letters.ts";
import type { LogRecord } from "../stream/log_reader.ts";

export interface Tally {
  /** Orders with an outcome, and messages that are dead letters. */
  readonly settled: number;
  /** `OrderConfirmed` … and `dead letter`, to a count by reason ("" where there is none). */
  readonly kinds: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Placed to outcome. */
  readonly latency: LatencyHistogram;
  /** Epoch milliseconds of the first order placed and of the last outcome. */
  readonly firstPlacedAtMs: number;
  readonly lastOutcomeAtMs: number;
  /** Some order of each kind, to look at more closely. */
  readonly examples: ReadonlyMap<string, string>;
}

export function createTally() {
  const kinds = new Map<string, Map<string, number>>();
  const examples = new Map<string, string>();
  const latency = new LatencyHistogram();
  let settled = 0;
  let firstPlacedAtMs = Infinity;
  let lastOutcomeAtMs = -Infinity;

  const count = (kind: string, reason: string) => {
    settled++;
    let reasons = kinds.get(kind);
    if (!reasons) kinds.set(kind, reasons = new Map());
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
        count(event.type, "reason" in event ? event.reason : "");
        if (!examples.has(event.type)) examples.set(event.type, event.orderId);
        const placedAtMs = Date.parse(event.placedAt);
        const outcomeAtMs = Date.parse(event.occurredAt);
        latency.add(outcomeAtMs - placedAtMs);
        firstPlacedAtMs = Math.min(firstPlacedAtMs, placedAtMs);
        lastOutcomeAtMs = Math.max(lastOutcomeAtMs, outcomeAtMs);
      }
    },
    /** Counts records of dlq.validator. */
    addDeadLetters(records: readonly LogRecord[]): void {
      for (const { headers } of records) {
        const reason = headers[DEAD_LETTER_HEADERS.reason];
        // A second copy of an order: the order itself has its outcome beside it.
        if (reason !== undefined && reason !== "duplicate_order") count("dead letter", reason);
      }
    },
    get tally(): Tally {
      return { settled, kinds, latency, firstPlacedAtMs, lastOutcomeAtMs, examples };
    },
  };
}
