/**
 * How long a partition stood still: its committed offset did not move while there was something to
 * read. Pure: what was known and what is there now, to what is known next. What it stood still after
 * the last look at it before it moved does not count: a pause is at least as long as is said.
 */

export interface Pause {
  /** How long it has been standing still, up to now; 0 while it moves or has nothing to read. */
  readonly pausedMs: number;
  /** The longest that it stood still, since analytics began to watch. */
  readonly longestPauseMs: number;
}

/** A pause, by when it began: epoch milliseconds. */
export interface Stall {
  readonly sinceMs: number;
  readonly ms: number;
}

export interface PauseMemory extends Pause {
  readonly committed: number;
  /** Since when it has been standing still; null while it moves or has nothing to read. */
  readonly sinceMs: number | null;
}

export function observePause(
  before: PauseMemory | undefined,
  now: { readonly committed: number; readonly lagMessages: number },
  atMs: number,
): PauseMemory {
  const { committed, lagMessages } = now;
  const longestPauseMs = before?.longestPauseMs ?? 0;
  if (lagMessages <= 0) return { committed, sinceMs: null, pausedMs: 0, longestPauseMs };
  const stood = before?.committed === committed ? before.sinceMs : null;
  const pausedMs = atMs - (stood ?? atMs);
  return {
    committed,
    sinceMs: stood ?? atMs,
    pausedMs,
    longestPauseMs: Math.max(longestPauseMs, pausedMs),
  };
}

/**
 * The longest pause around a rebalance: one that was there before it ended. A member that was killed
 * makes its partitions stand still long before the group notices.
 *
 * @param before the longest so far
 * @param endMs when the group was stable again, or now
 */
export function longestAround(
  before: Stall | null,
  pauses: Iterable<Pick<PauseMemory, "sinceMs" | "pausedMs">>,
  endMs: number,
): Stall | null {
  let longest = before;
  for (const { sinceMs, pausedMs } of pauses) {
    if (sinceMs === null || sinceMs > endMs || pausedMs <= (longest?.ms ?? 0)) continue;
    longest = { sinceMs, ms: pausedMs };
  }
  return longest;
}
