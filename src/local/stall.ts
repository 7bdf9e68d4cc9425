/** How long nothing was settled although orders were open: what a disturbance costs. */

export interface Stall {
  /** Told now and then how things stand; `nowMs` is a time that only grows. */
  look(counts: { settled: number; acknowledged: number }, nowMs: number): void;
  /** The present one, up to the last look; 0 while orders are settled, or none is open. */
  readonly presentMs: number;
  readonly longestMs: number;
}

export function createStall(): Stall {
  let lastSettled = 0;
  let sinceMs: number | undefined;
  let presentMs = 0;
  let longestMs = 0;
  return {
    look({ settled, acknowledged }, nowMs) {
      if (settled !== lastSettled || settled >= acknowledged) sinceMs = nowMs;
      lastSettled = settled;
      presentMs = nowMs - (sinceMs ??= nowMs);
      longestMs = Math.max(longestMs, presentMs);
    },
    get presentMs() {
      return presentMs;
    },
    get longestMs() {
      return longestMs;
    },
  };
}
