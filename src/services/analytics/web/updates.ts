/** What the browsers are sent: snapshots, and the plots' figures as a whole or as changes. */
import type { Aggregate } from "../aggregate.ts";
import { changesBetween } from "../trends/changes.ts";
import type { LagTrends } from "../trends/lag_trends.ts";
import { RANGES, type Trends } from "../trends/ranges.ts";
import type { Made } from "./broadcaster.ts";
import type { Live, Update } from "./live.ts";

/** What the plots show now. */
export function trendsOf(
  { trends, money }: Pick<Aggregate, "trends" | "money">,
  lags: Pick<LagTrends, "tracks">,
  nowMs: number,
): Trends {
  const currencies = [...money]
    .toSorted(([a, x], [b, y]) => y.confirmedCents - x.confirmedCents || (a < b ? -1 : 1))
    .map(([currency]) => currency);
  const orders = trends.tracks(nowMs, currencies);
  const groups = lags.tracks(nowMs);
  return Object.fromEntries(
    RANGES.flatMap(({ name }) => [
      [`${name} orders`, orders[name]],
      [`${name} groups`, groups[name]],
    ]),
  ) as Trends;
}

/** Remembers the plots' figures of one update for the changes in the next. */
export function createUpdates(): (live: Live, trends: Trends) => Made {
  let before: Trends | undefined;
  return (live, trends) => {
    const old = before;
    before = trends;
    const text = (update: Update) => JSON.stringify(update);
    const whole = () => text({ live, trends });
    return {
      whole,
      change: () => old ? text({ live, changes: changesBetween(old, trends) }) : whole(),
    };
  };
}
