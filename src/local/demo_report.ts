/** What the demo prints of a run: a line of progress while it lasts, and its figures at the end. */
import { formatCount } from "../runtime/format.ts";
import type { Progress } from "./place_orders.ts";
import type { Placing, Tally } from "./tally.ts";

const BAR_WIDTH = 24;
const LINE_EVERY_MS = 2_000;

/** On stderr: a bar that is redrawn in a terminal, else a line now and then. */
export function createProgressLine(terminal: boolean) {
  const encoder = new TextEncoder();
  let drawn = false;
  let lastLineAt = 0;
  let last: Progress | undefined;
  return {
    show(progress: Progress): void {
      if (terminal) {
        Deno.stderr.writeSync(encoder.encode(`\r\x1b[2K${bar(progress)}`));
        drawn = true;
      } else if (performance.now() - lastLineAt >= LINE_EVERY_MS && differs(progress, last)) {
        lastLineAt = performance.now();
        last = progress;
        console.error(text(progress));
      }
    },
    /** Takes the bar away, before anything else is printed. */
    clear(): void {
      if (drawn) Deno.stderr.writeSync(encoder.encode("\r\x1b[2K"));
      drawn = false;
    },
  };
}

function differs(a: Progress, b: Progress | undefined): boolean {
  return a.placed !== b?.placed || a.settled !== b?.settled;
}

function text({ placed, settled, total }: Progress): string {
  return `placed ${formatCount(placed)}, settled ${formatCount(settled)} of ${formatCount(total)}`;
}

function bar(progress: Progress): string {
  const { settled, placed, total } = progress;
  const cells = (n: number) => total === 0 ? 0 : Math.round(BAR_WIDTH * Math.min(1, n / total));
  const done = cells(settled);
  const ahead = Math.max(0, cells(placed) - done);
  return `${"█".repeat(done)}${"▒".repeat(ahead)}${"░".repeat(BAR_WIDTH - done - ahead)} ` +
    text(progress);
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
