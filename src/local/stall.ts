/** How long nothing was settled although orders were open: what a disturbance costs. */

export interface Stall {
  /** Told now and then how things stand; `nowMs` is a time that only grows. */
  look(counts: { settled: number; acknowledged: number }, nowMs: number): void;
  /** The one that lasts, up to the last look; 0 while orders are settled, or none is open. */
  readonly presentMs: number;
  /** Of those that have ended. */
  readonly longestMs: number;
}

export function createStall(): Stall {
  let lastSettled = 0;
  let sinceMs: number | undefined;
  let presentMs = 0;
  let longestMs = 0;
  return {
    look({ settled, acknowledged }, nowMs) {
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
