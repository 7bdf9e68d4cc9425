/**
 * How long the next message of a group has been waiting: since when the log reached beyond the group's
 * offset, by a history of the log's ends. Nothing is read for it, and it is true for whatever runs in
 * the group. Bounded: the history is ten minutes long.
 */

export interface Lag {
  readonly messages: number;
  /** How long the oldest of them has been waiting; 0 where there are none. */
  readonly ms: number;
  /** It was there before the history begins: it has been waiting for at least so long. */
  readonly atLeast: boolean;
}

interface End {
  readonly atMs: number;
  readonly end: number;
}

const KEPT_MS = 600_000;

export class EndHistory {
  readonly #byPartition = new Map<string, End[]>();

  /** Notes where a partition's log ended at a time; times must not go back. */
  note(partition: string, atMs: number, end: number): void {
    let ends = this.#byPartition.get(partition);
    if (!ends) this.#byPartition.set(partition, ends = []);
    const last = ends.at(-1);
    // A log that was made anew has a history of its own.
    if (last && end < last.end) ends.length = 0;
    // A time at which it had the same end tells nothing; but the first is where the history begins.
    if (last?.end === end) return;
    ends.push({ atMs, end });
    // The newest that is too old says where the log ended when the history begins.
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
