/**
 * What samples of offsets say about a partition: for how long its next message has been waiting, and
 * for how long its group has been stalled. Nothing is read for it, and it holds for whatever runs in the
 * group. Pure, and bounded.
 */
import { formatDuration } from "../../../runtime/format.ts";

export interface Lag {
  readonly messages: number;
  /** How long the oldest of them has been waiting; 0 where there are none. */
  readonly ms: number;
  /** It was there before the history begins: `ms` is the least that it can be. */
  readonly atLeast: boolean;
}

interface End {
  readonly atMs: number;
  readonly end: number;
}

const KEPT_MS = 600_000;

/** Ends of the logs over the last ten minutes: since when a log reaches beyond a group's offset. */
export class EndHistory {
  readonly #byPartition = new Map<string, End[]>();

  /** Notes where a partition's log ended at a time; times must not go back. */
  note(partition: string, atMs: number, end: number): void {
    let ends = this.#byPartition.get(partition);
    if (!ends) this.#byPartition.set(partition, ends = []);
    const last = ends.at(-1);
    // A recreated topic has a history of its own.
    if (last && end < last.end) ends.length = 0;
    // Only changes are kept, and the first sample, where the history begins.
    if (last?.end === end) return;
    ends.push({ atMs, end });
    // The newest of those that are too old is where the history begins.
    const stale = ends.findIndex((_, index) =>
      index + 1 === ends.length || ends[index + 1]!.atMs > atMs - KEPT_MS
    );
    if (stale > 0) ends.splice(0, stale);
  }

  /** @param committed the next offset to be read, of `messages` that wait */
  lag(partition: string, atMs: number, committed: number, messages: number): Lag {
    if (messages <= 0) return { messages: 0, ms: 0, atLeast: false };
    const ends = this.#byPartition.get(partition) ?? [];
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]!.end > committed) high = middle;
      else low = middle + 1;
    }
    const beyond = ends[low];
    return {
      messages,
      ms: beyond === undefined ? 0 : Math.max(0, atMs - beyond.atMs),
      atLeast: low === 0,
    };
  }
}

/** Of several partitions: all messages, and the longest wait. */
export function worst(lags: readonly Lag[]): Lag {
  return lags.reduce((sum, lag) => ({
    messages: sum.messages + lag.messages,
    ms: Math.max(sum.ms, lag.ms),
    atLeast: lag.ms > sum.ms ? lag.atLeast : sum.atLeast,
  }), { messages: 0, ms: 0, atLeast: false });
}

/** The wait as text. Samples are 0.5 s apart: `< 1 s`, `12 s`, `≥ 12 s`. */
export function formatWait(
  { ms, atLeast }: Lag,
  format: (ms: number) => string = formatDuration,
): string {
  if (atLeast) return `≥ ${format(ms)}`;
  return ms < 1_000 ? "< 1 s" : format(ms);
}

/**
 * Stalls: a partition's committed offset does not move although there is something to read. The time
 * between the last sample and the next move is not counted: a stall takes at least as long as it says.
 */
export interface StallTimes {
  /** For how long it has been stalled, up to now; 0 while it moves or has nothing to read. */
  readonly stalledMs: number;
  /** The longest stall since analytics began to watch. */
  readonly longestStallMs: number;
  /** When that began, epoch milliseconds; null while there was none. */
  readonly longestStallSinceMs: number | null;
}

/** A stall, by when it began: epoch milliseconds. */
export interface Stall {
  readonly sinceMs: number;
  readonly ms: number;
}

export interface StallMemory extends StallTimes {
  readonly committed: number;
  /** Since when it has been stalled; null while it moves or has nothing to read. */
  readonly sinceMs: number | null;
}

/** What is remembered of a partition after one more sample of it. */
export function observeStall(
  before: StallMemory | undefined,
  now: { readonly committed: number; readonly lagMessages: number },
  atMs: number,
): StallMemory {
  const { committed, lagMessages } = now;
  const longest = {
    longestStallMs: before?.longestStallMs ?? 0,
    longestStallSinceMs: before?.longestStallSinceMs ?? null,
  };
  if (lagMessages <= 0) return { committed, sinceMs: null, stalledMs: 0, ...longest };
  const stalledSince = before?.committed === committed ? before.sinceMs : null;
  const sinceMs = stalledSince ?? atMs;
  const stalledMs = atMs - sinceMs;
  return {
    committed,
    sinceMs,
    stalledMs,
    ...stalledMs > longest.longestStallMs
      ? { longestStallMs: stalledMs, longestStallSinceMs: sinceMs }
      : longest,
  };
}

/**
 * The longest stall around a rebalance: one that began before its end. A killed member stalls its
 * partitions long before the group notices.
 *
 * @param before the longest so far
 * @param endMs when the group was stable again, or now
 */
export function longestAround(
  before: Stall | null,
  stalls: Iterable<Pick<StallMemory, "sinceMs" | "stalledMs">>,
  endMs: number,
): Stall | null {
  let longest = before;
  for (const { sinceMs, stalledMs } of stalls) {
    if (sinceMs === null || sinceMs > endMs || stalledMs <= (longest?.ms ?? 0)) continue;
    longest = { sinceMs, ms: stalledMs };
  }
  return longest;
}
