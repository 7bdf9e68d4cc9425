/** How fast topics grow and groups read, in offsets a second, over the last few seconds. */
import type { GroupPosition } from "../../../stream/group_lag.ts";
import type { Service, Topic } from "../../../topology.ts";

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
