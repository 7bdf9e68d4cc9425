/**
 * How far a run is: JSON lines on stdout for programs, or on stderr a bar that is redrawn in a
 * terminal, else a line now and then.
 */
import { formatCount } from "../../runtime/format.ts";

export interface Progress {
  /** How many orders of the run were acknowledged before; the counts below include them. */
  readonly first: number;
  readonly placed: number;
  readonly acknowledged: number;
  /** Infinity when it is open. */
  readonly total: number;
  readonly elapsedMs: number;
}

interface ProgressDisplay {
  /** Takes the bar away, before something else is printed; it comes back by itself. */
  clear(): void;
  /** Shows the final state, and no more after it. */
  stop(): void;
}

const JSON_EVERY_MS = 1_000;
const BAR_EVERY_MS = 200;
const LINE_EVERY_MS = 5_000;
const BAR_WIDTH = 24;
const CLEAR_LINE = "\r\x1b[2K";

/** @param current the state to show */
export function displayProgress(
  format: "text" | "json",
  current: () => Progress,
): ProgressDisplay {
  const encoder = new TextEncoder();
  const stderr = (text: string) => void Deno.stderr.writeSync(encoder.encode(text));
  if (format === "json") {
    const show = () => console.log(jsonLine(current()));
    const timer = setInterval(show, JSON_EVERY_MS);
    return {
      clear() {},
      stop() {
        clearInterval(timer);
        show();
      },
    };
  }
  const terminal = Deno.stderr.isTerminal();
  const clear = () => terminal && stderr(CLEAR_LINE);
  const show = terminal
    ? () => stderr(CLEAR_LINE + barLine(current()))
    : () => stderr(`${textLine(current())}\n`);
  const timer = setInterval(show, terminal ? BAR_EVERY_MS : LINE_EVERY_MS);
  return {
    clear,
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}

/** For programs: counts of orders; a total of 0 is open. */
export function jsonLine({ placed, acknowledged, total }: Progress): string {
  return JSON.stringify({ placed, acknowledged, total: Number.isFinite(total) ? total : 0 });
}

export function textLine({ first, placed, acknowledged, total, elapsedMs }: Progress): string {
  const goal = Number.isFinite(total) ? ` of ${formatCount(total)}` : "";
  const perS = elapsedMs > 0 ? Math.round((acknowledged - first) * 1_000 / elapsedMs) : 0;
  return `placed ${formatCount(placed)}${goal} orders, ` +
    `${formatCount(acknowledged)} acknowledged, ${formatCount(perS)}/s`;
}

export function barLine(progress: Progress): string {
  const { acknowledged, total } = progress;
  if (!Number.isFinite(total)) return textLine(progress);
  const done = Math.round(BAR_WIDTH * Math.min(1, acknowledged / total));
  return `${"█".repeat(done)}${"░".repeat(BAR_WIDTH - done)} ${textLine(progress)}`;
}
