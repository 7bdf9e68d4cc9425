/** The figures of a run of the demo: for programs, and as lines for people. Pure. */
import { formatCount } from "../runtime/format.ts";
import { PROCESSORS } from "../topology.ts";
import type { Placing, Tally } from "./tally.ts";

/** Orders that were placed in one way, and what became of them. */
export interface Phase {
  /** A heading; "" where there is only one. */
  readonly name: string;
  readonly placing: Placing;
  readonly tally: Tally;
}

/** Orders, and how long they took, by the orders themselves: without the simulator's start. */
interface Speed {
  readonly orders: number;
  readonly seconds: number;
  /** null: no time has passed. */
  readonly perSecond: number | null;
}

/** By reason. */
type Counts = Readonly<Record<string, number>>;

interface Outcome {
  readonly orders: number;
  /** Empty for orders that are confirmed, which needs none. */
  readonly reasons: Counts;
}

export interface Figures {
  readonly phases: readonly {
    readonly name: string;
    readonly placed: Speed;
    readonly settled: Speed;
    /** From placed to outcome. */
    readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
    readonly longestStallMs: number;
  }[];
  readonly settled: number;
  readonly outcomes: Readonly<Record<"confirmed" | "cancelled" | "rejected", Outcome>>;
  /** By service; of one without any there is nothing. */
  readonly deadLetters: Readonly<Record<string, Counts>>;
}

export function figuresOf(phases: readonly Phase[]): Figures {
  const tallies = phases.map(({ tally }) => tally);
  const outcome = (kind: string): Outcome => {
    const counts = sumOf(tallies.map(({ outcomes }) => outcomes.get(kind)));
    const { "": _, ...reasons } = counts;
    return { orders: totalOf(counts), reasons };
  };
  return {
    phases: phases.map(phaseFigures),
    settled: tallies.reduce((sum, { settled }) => sum + settled, 0),
    outcomes: {
      confirmed: outcome("OrderConfirmed"),
      cancelled: outcome("OrderCancelled"),
      rejected: outcome("OrderRejected"),
    },
    deadLetters: Object.fromEntries(
      PROCESSORS.map((service) =>
        [service, sumOf(tallies.map(({ deadLetters }) => deadLetters.get(service)))] as const
      ).filter(([, reasons]) => totalOf(reasons) > 0),
    ),
  };
}

function phaseFigures({ name, placing, tally }: Phase): Figures["phases"][number] {
  const { latency, firstPlacedAtMs } = tally;
  const speed = (orders: number, lastAtMs: number): Speed => {
    const seconds = Math.max(0, (lastAtMs - firstPlacedAtMs) / 1_000);
    return { orders, seconds, perSecond: seconds > 0 ? orders / seconds : null };
  };
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => latency.quantile(q));
  return {
    name,
    placed: speed(placing.acknowledged, tally.lastPlacedAtMs),
    settled: speed(tally.settled, tally.lastOutcomeAtMs),
    latencyMs: { p50: p50!, p95: p95!, p99: p99! },
    longestStallMs: placing.longestStallMs,
  };
}

/** The same, as lines. */
export function figureLines({ phases, ...counts }: Figures): string[] {
  return [
    ...phases.flatMap(({ name, placed, settled, latencyMs, longestStallMs }) => [
      ...name ? [`${name}:`] : [],
      speedLine("placed", placed),
      speedLine("settled", settled),
      `${"latency".padEnd(13)}from placed to outcome: ` +
      Object.entries(latencyMs).map(([q, ms]) => `${q} ${(ms / 1_000).toFixed(2)} s`).join(", "),
      `${"stall".padEnd(13)}at most ${(longestStallMs / 1_000).toFixed(1)} s without an outcome ` +
      "while orders were open",
    ]),
    ...phases.length > 1 ? ["In all:"] : [],
    ...countLines(counts),
  ];
}

function countLines({ settled, outcomes, deadLetters }: Omit<Figures, "phases">): string[] {
  const services = Object.entries(deadLetters);
  const total = services.reduce((sum, [, reasons]) => sum + totalOf(reasons), 0);
  return [
    ...Object.entries(outcomes).map(([name, { orders, reasons }]) => {
      const share = settled === 0 ? 0 : 100 * orders / settled;
      return countLine(name, orders, `${share.toFixed(1)} %`, reasonsText(reasons));
    }),
    countLine(
      "dead letters",
      total,
      "",
      services.map(([service, reasons]) =>
        `${service} ${totalOf(reasons)} (${reasonsText(reasons)})`
      ).join(", "),
    ),
  ];
}

function sumOf(all: readonly (ReadonlyMap<string, number> | undefined)[]): Counts {
  const sum: Record<string, number> = {};
  for (const reasons of all) {
    for (const [reason, count] of reasons ?? []) sum[reason] = (sum[reason] ?? 0) + count;
  }
  return sum;
}

function totalOf(reasons: Counts): number {
  return Object.values(reasons).reduce((sum, count) => sum + count, 0);
}

/** The most frequent first. */
function reasonsText(reasons: Counts): string {
  return Object.entries(reasons).toSorted(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${count}`).join(", ");
}

function countLine(name: string, count: number, share: string, text: string): string {
  return `${name.padEnd(13)}${formatCount(count).padStart(9)} ${share.padStart(7)}   ${text}`
    .trimEnd();
}

function speedLine(name: string, { orders, seconds, perSecond }: Speed): string {
  return `${name.padEnd(13)}${formatCount(orders).padStart(9)} orders in ${
    seconds.toFixed(1)
  } s: ` +
    `${perSecond === null ? "–" : formatCount(perSecond)} orders/s`;
}
