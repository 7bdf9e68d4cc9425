/**
 * What became of the orders, counted from the log: outcomes by kind and reason, dead letters, and the
 * time from placed to outcome. It asks no service, so that any of them may be killed.
 */
import { formatCount } from "../runtime/format.ts";
import { decode } from "../events/codec.ts";
import { LatencyHistogram } from "../services/analytics/histogram.ts";
import { isDeadLetter, reasonOf } from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";
import { type Processor, PROCESSORS } from "../topology.ts";

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

const OUTCOMES = [
  ["OrderConfirmed", "confirmed"],
  ["OrderCancelled", "cancelled"],
  ["OrderRejected", "rejected"],
] as const;

/** Orders that were placed in one way, and what became of them. */
export interface Phase {
  /** A heading; "" where there is only one. */
  readonly name: string;
  readonly placing: Placing;
  readonly tally: Tally;
}

/** The figures of a run, as lines. */
export function figures(phases: readonly Phase[]): string[] {
  return [
    ...phases.flatMap(({ name, placing, tally }) => [
      ...name ? [`${name}:`] : [],
      ...speed(placing, tally),
    ]),
    ...phases.length > 1 ? ["In all:"] : [],
    ...counts(phases.map(({ tally }) => tally)),
  ];
}

function speed(placing: Placing, tally: Tally): string[] {
  const { latency, firstPlacedAtMs } = tally;
  // By the orders themselves: without the simulator's start.
  const secondsTo = (atMs: number) => Math.max(0, (atMs - firstPlacedAtMs) / 1_000);
  const quantile = (q: number) => `p${q * 100} ${(latency.quantile(q) / 1_000).toFixed(2)} s`;
  return [
    rate("placed", placing.acknowledged, secondsTo(tally.lastPlacedAtMs)),
    rate("settled", tally.settled, secondsTo(tally.lastOutcomeAtMs)),
    `${"latency".padEnd(13)}from placed to outcome: ${[0.5, 0.95, 0.99].map(quantile).join(", ")}`,
    `${"stall".padEnd(13)}at most ${(placing.longestStallMs / 1_000).toFixed(1)} s without an ` +
    "outcome while orders were open",
  ];
}

function counts(tallies: readonly Tally[]): string[] {
  const settled = tallies.reduce((sum, tally) => sum + tally.settled, 0);
  const outcomes = OUTCOMES.map(([kind, name]) => {
    const reasons = sumOf(tallies.map((tally) => tally.outcomes.get(kind)));
    const share = settled === 0 ? 0 : 100 * totalOf(reasons) / settled;
    return countLine(name, totalOf(reasons), `${share.toFixed(1)} %`, reasonsText(reasons));
  });
  const deadLetters = PROCESSORS.map((service) =>
    [service, sumOf(tallies.map((tally) => tally.deadLetters.get(service)))] as const
  ).filter(([, reasons]) => reasons.size > 0);
  const total = deadLetters.reduce((sum, [, reasons]) => sum + totalOf(reasons), 0);
  const services = deadLetters.map(([service, reasons]) =>
    `${service} ${totalOf(reasons)} (${reasonsText(reasons)})`
  );
  return [...outcomes, countLine("dead letters", total, "", services.join(", "))];
}

type Reasons = ReadonlyMap<string, number>;

function sumOf(all: readonly (Reasons | undefined)[]): Reasons {
  const sum = new Map<string, number>();
  for (const reasons of all) {
    for (const [reason, count] of reasons ?? []) sum.set(reason, (sum.get(reason) ?? 0) + count);
  }
  return sum;
}

function totalOf(reasons: Reasons): number {
  return [...reasons.values()].reduce((sum, count) => sum + count, 0);
}

/** The most frequent first. */
function reasonsText(reasons: Reasons): string {
  return [...reasons].filter(([reason]) => reason !== "").toSorted(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${count}`).join(", ");
}

function countLine(name: string, count: number, share: string, text: string): string {
  return `${name.padEnd(13)}${formatCount(count).padStart(9)} ${share.padStart(7)}   ${text}`
    .trimEnd();
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
