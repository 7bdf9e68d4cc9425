/** What the demo prints of a run: a line of progress while it lasts, and its figures at the end. */
import { formatCount } from "../runtime/format.ts";
import { PROCESSORS } from "../topology.ts";
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

const OUTCOMES = [
  ["OrderConfirmed", "confirmed"],
  ["OrderCancelled", "cancelled"],
  ["OrderRejected", "rejected"],
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
  for (const [kind, name] of OUTCOMES) {
    const reasons = tally.outcomes.get(kind) ?? new Map();
    const share = tally.settled === 0 ? 0 : 100 * totalOf(reasons) / tally.settled;
    lines.push(countLine(name, totalOf(reasons), `${share.toFixed(1)} %`, reasonsText(reasons)));
  }
  const { deadLetters } = tally;
  const total = [...deadLetters.values()].reduce((sum, reasons) => sum + totalOf(reasons), 0);
  const services = PROCESSORS.flatMap((service) => {
    const reasons = deadLetters.get(service);
    return reasons ? [`${service} ${totalOf(reasons)} (${reasonsText(reasons)})`] : [];
  });
  lines.push(countLine("dead letters", total, "", services.join(", ")));
  return lines;
}

type Reasons = ReadonlyMap<string, number>;

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
