/**
 * How long the next message of a group has been waiting: since when the log reached beyond the group's
 * offset, by a history of the log's ends. Nothing is read for it, and it is true for whatever runs in
 * the group. Bounded: the history is ten minutes long.
 */
import type { GroupPosition } from "../../../kafka/offsets/group_lag.ts";
import type { Service, Topic } from "../../../topology.ts";

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

/** How fast topics grow and groups read, in offsets a second, over the last few seconds. */

const OVER_MS = 5_000;

interface Positions {
  readonly service: Service;
  readonly positions: readonly Pick<GroupPosition, "topic" | "partition" | "committed" | "end">[];
}

interface Moment {
  readonly atMs: number;
  /** Sums over the partitions: by topic its end, by service and topic what was committed. */
  readonly sums: ReadonlyMap<string, number>;
}

export class Rates {
  readonly #moments: Moment[] = [];

  note(
    atMs: number,
    groups: readonly Positions[],
  ): void {
    const sums = new Map<string, number>();
    const add = (name: string, offset: number) => sums.set(name, (sums.get(name) ?? 0) + offset);
    const counted = new Map<Topic, Service>();
    for (const { service, positions } of groups) {
      for (const { topic, committed, end } of positions) {
        add(`${service} ${topic}`, committed);
        // Each reader of a topic knows where it ends: count it once.
        if (!counted.has(topic)) counted.set(topic, service);
        if (counted.get(topic) === service) add(topic, end);
      }
    }
    this.#moments.push({ atMs, sums });
    while (this.#moments.length > 2 && this.#moments[1]!.atMs <= atMs - OVER_MS) {
      this.#moments.shift();
    }
  }

  /** Null before there are two moments to compare. */
  growthPerSecond(topic: Topic): number | null {
    return this.#perSecond(topic);
  }

  /** Null before there are two moments to compare. */
  readPerSecond(service: Service, topic: Topic): number | null {
    return this.#perSecond(`${service} ${topic}`);
  }

  #perSecond(name: string): number | null {
    const [first, last] = [this.#moments[0], this.#moments.at(-1)];
    if (!first || !last || first === last) return null;
    const moved = (last.sums.get(name) ?? 0) - (first.sums.get(name) ?? 0);
    return Math.max(0, moved) * 1_000 / (last.atMs - first.atMs);
  }
}
