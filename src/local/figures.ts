/** The figures of a run, as lines for people. */
import type { Tally } from "./tally.ts";

export interface Placing {
  readonly acknowledged: number;
  readonly seconds: number;
  /** In which no order was settled although some were open. */
  readonly longestStallMs: number;
}

const KINDS = [
  ["OrderConfirmed", "confirmed"],
  ["OrderCancelled", "cancelled"],
  ["OrderRejected", "rejected"],
  ["dead letter", "dead letters"],
] as const;

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
      `${name.padEnd(13)}${number(count).padStart(9)} ${share.toFixed(1).padStart(5)} %` +
        (named.length > 0 ? `   ${named.join(", ")}` : ""),
    );
  }
  return lines;
}

function rate(name: string, count: number, seconds: number): string {
  const perSecond = seconds > 0 ? number(Math.round(count / seconds)) : "–";
  return `${name.padEnd(13)}${number(count).padStart(9)} orders in ${seconds.toFixed(1)} s: ` +
    `${perSecond} orders/s`;
}

/** With separators for thousands. */
export function number(value: number): string {
  return value.toLocaleString("en");
}
