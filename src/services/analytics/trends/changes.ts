/** What changed between two states of the plots' figures: what a browser that has the one needs for the other. */
import type { Track, Trends } from "./ranges.ts";

interface TrackChange extends Track {
  /** So many windows at its beginning are as before; `columns` hold those behind them. */
  readonly kept: number;
}

/** By the tracks that changed. */
export type TrendChanges = Readonly<Record<string, TrackChange>>;

export function changesBetween(before: Trends, after: Trends): TrendChanges {
  return Object.fromEntries(
    Object.entries(after).flatMap(([name, track]) => {
      const old = before[name as keyof Trends];
      const kept = keptOf(old, track);
      const isSame = old.startsAtMs === track.startsAtMs && kept === lengthOf(track) &&
        kept === lengthOf(old) && sameColumns(old, track) && old.stepMs === track.stepMs;
      if (isSame) return [];
      return [[name, { ...track, kept, columns: eachColumn(track, (c) => c.slice(kept)) }]];
    }),
  );
}

export function applyChanges(before: Trends, changes: TrendChanges): Trends {
  const changed = Object.entries(changes).map(([name, { startsAtMs, stepMs, kept, columns }]) => {
    const old = before[name as keyof Trends];
    const from = (startsAtMs - old.startsAtMs) / stepMs;
    return [name, {
      startsAtMs,
      stepMs,
      columns: Object.fromEntries(
        Object.entries(columns).map(([column, values]) =>
          [
            column,
            kept === 0 ? values : [...old.columns[column]!.slice(from, from + kept), ...values],
          ] as const
        ),
      ),
    }];
  });
  return { ...before, ...Object.fromEntries(changed) };
}

/** How many windows at the beginning of `track` are the same in `old`. */
function keptOf(old: Track, track: Track): number {
  if (old.stepMs !== track.stepMs || !sameColumns(old, track)) return 0;
  const from = (track.startsAtMs - old.startsAtMs) / track.stepMs;
  if (from < 0) return 0;
  const pairs = Object.entries(track.columns).map(([name, now]) => [old.columns[name]!, now]);
  const length = Math.min(lengthOf(track), lengthOf(old) - from);
  for (let index = 0; index < length; index++) {
    if (pairs.some(([was, now]) => was![from + index] !== now![index])) return index;
  }
  return Math.max(0, length);
}

function sameColumns(a: Track, b: Track): boolean {
  return Object.keys(a.columns).join() === Object.keys(b.columns).join();
}

function lengthOf({ columns }: Track): number {
  return Object.values(columns)[0]?.length ?? 0;
}

function eachColumn(
  { columns }: Track,
  of: (values: readonly (number | null)[]) => readonly (number | null)[],
): Track["columns"] {
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, of(values)]));
}
