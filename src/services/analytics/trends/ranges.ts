/**
 * What the plots show: figures over time, in ranges that are each thinned to a bounded number of
 * windows. Only windows that are over are in it: an unfinished one would look like a fall to zero.
 */
import { TumblingWindows } from "../windows.ts";
import { GrowingWindows } from "./growing_windows.ts";

/** How far each range goes back, in windows of which width; `all` doubles it whenever it is full. */
export const RANGES = [
  { name: "10 minutes", overMs: 600_000, stepMs: 5_000 },
  { name: "1 hour", overMs: 3_600_000, stepMs: 30_000 },
  { name: "all", overMs: Infinity, stepMs: 5_000 },
] as const;

export type RangeName = typeof RANGES[number]["name"];

/** The most windows of the range `all`. */
export const MAX_WINDOWS = 240;

/** For so long after its end a window is not shown: its last events are still being read. */
const GRACE_MS = 1_000;

/** One column for each figure, all of the same length, a value a window, the newest last. */
export interface Track {
  /** Epoch milliseconds at which the first window begins; the others follow without gaps. */
  readonly startsAtMs: number;
  readonly stepMs: number;
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
}

/** By range: of the orders, by the times in their events; of the groups, by the time of the sample. */
export type Trends = Readonly<Record<`${RangeName} ${"orders" | "groups"}`, Track>>;

interface Windows<T> {
  readonly widthMs: number;
  at(atMs: number): T | undefined;
  upTo(newestMs: number): {
    readonly startsAtMs: number;
    readonly values: readonly (T | undefined)[];
  };
}

/** The same values in each range. */
export class RangedWindows<T> {
  readonly #ranges: readonly Windows<T>[];
  #newestMs = -Infinity;

  constructor(create: () => T, clear: (value: T) => void, merge: (into: T, from: T) => void) {
    this.#ranges = RANGES.map(({ overMs, stepMs }) =>
      overMs === Infinity
        ? new GrowingWindows(stepMs, MAX_WINDOWS, create, merge)
        // One more, because the newest is not over.
        : new TumblingWindows(stepMs, overMs / stepMs + 1, create, clear)
    );
  }

  /** Has `count` count in the windows of a time (epoch milliseconds). */
  count(atMs: number, count: (value: T) => void): void {
    if (atMs > this.#newestMs) this.#newestMs = atMs;
    for (const windows of this.#ranges) {
      const value = windows.at(atMs);
      if (value !== undefined) count(value);
    }
  }

  /**
   * The windows that are over, by range.
   *
   * @param columnsOf makes the columns of the values, of which some are undefined: nothing was counted
   */
  tracks(
    nowMs: number,
    columnsOf: (values: readonly (T | undefined)[], stepMs: number) => Track["columns"],
  ): Record<RangeName, Track> {
    const upToMs = Math.max(this.#newestMs, nowMs - GRACE_MS);
    return Object.fromEntries(this.#ranges.map((windows, index) => {
      const { startsAtMs, values } = upToMs === -Infinity
        ? { startsAtMs: 0, values: [] }
        : windows.upTo(upToMs);
      const stepMs = windows.widthMs;
      const columns = columnsOf(values.slice(0, -1), stepMs);
      return [RANGES[index]!.name, { startsAtMs, stepMs, columns }];
    })) as Record<RangeName, Track>;
  }
}
