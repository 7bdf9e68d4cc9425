/**
 * What became of the orders, counted from the log: outcomes by kind and reason, dead letters, and the
 * time from placed to outcome. It asks no service, so that any of them may be killed.
 */
import { formatCount } from "../runtime/format.ts";
import { decode } from "../events/codec.ts";
import { LatencyHistogram } from "../services/analytics/histogram.ts";
import { DEAD_LETTER_HEADERS } from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";

export interface Tally {
  /** Orders with an outcome, and dead letters. */
  readonly settled: number;
  /** `OrderConfirmed` … and `dead letter`, to a count by reason ("" where there is none). */
  readonly kinds: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Placed to outcome. */
  readonly latency: LatencyHistogram;
  /** Epoch milliseconds of the first order placed and of the last outcome. */
  readonly firstPlacedAtMs: number;
  readonly lastOutcomeAtMs: number;
  /** The first order of each kind, to look at more closely. */
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

/** What came of placing orders. */
export interface Placing {
  readonly acknowledged: number;
  readonly seconds: number;
  /** The longest time in which no order was settled although some were open. */
  readonly longestStallMs: number;
}

const KINDS = [
  ["OrderConfirmed", "confirmed"],
  ["OrderCancelled", "cancelled"],
  ["OrderRejected", "rejected"],
  ["dead letter", "dead letters"],
] as const;

/** The figures of a run, as lines. */
export function figures(placing: Placing, tally: Tally): string[] {
  const seconds = Math.max(0, (tally.lastOutcomeAtMs - tally.firstPlacedAtMs) / 1_000);
  const { latency } = tally;
  const quantile = (q: number) => `p${q * 100} ${(latency.quantile(q) / 1_000).toFixed(2)} s`;
  const lines = [
    rate("placed", placing.acknowledged, placing.seconds),
    rate("settled", tally.settled, seconds),
    `${"latency".padEnd(13)}from placed to outcome: ${[0.5, 0.95, 0.99].map(quantile).join(", ")}`,
    `${"stall".padEnd(13)}at most ${(placing.longestStallMs / 1_000).toFixed(1)} s without an ` +
    "outcome while orders were open",
  ];
  for (const [kind, name] of KINDS) {
    const reasons = [...tally.kinds.get(kind) ?? []].toSorted((a, b) => b[1] - a[1]);
    const count = reasons.reduce((sum, [, n]) => sum + n, 0);
    const share = tally.settled === 0 ? 0 : 100 * count / tally.settled;
    const named = reasons.filter(([reason]) => reason !== "").map(([reason, n]) =>
      `${reason} ${n}`
    );
    lines.push(
      `${name.padEnd(13)}${formatCount(count).padStart(9)} ${share.toFixed(1).padStart(5)} %` +
        (named.length > 0 ? `   ${named.join(", ")}` : ""),
    );
  }
  return lines;
}

function rate(name: string, count: number, seconds: number): string {
  const perSecond = seconds > 0 ? formatCount(count / seconds) : "–";
  return `${name.padEnd(13)}${formatCount(count).padStart(9)} orders in ${seconds.toFixed(1)} s: ` +
    `${perSecond} orders/s`;
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
