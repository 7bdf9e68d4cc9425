/** The progress of long work on stderr: a bar that is redrawn in a terminal, else a line now and then. */
import { number } from "./tally.ts";

const BAR_WIDTH = 24;
const LINE_EVERY_MS = 2_000;

export interface Progress {
  readonly placed: number;
  readonly settled: number;
  readonly total: number;
}

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
    /** Ends the bar's line, before anything else is printed. */
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
  return `placed ${number(placed)}, settled ${number(settled)} of ${number(total)}`;
}

function bar(progress: Progress): string {
  const { settled, placed, total } = progress;
  const cells = (n: number) => total === 0 ? 0 : Math.round(BAR_WIDTH * Math.min(1, n / total));
  const done = cells(settled);
  const ahead = Math.max(0, cells(placed) - done);
  return `${"█".repeat(done)}${"▒".repeat(ahead)}${"░".repeat(BAR_WIDTH - done - ahead)} ` +
    text(progress);
}
