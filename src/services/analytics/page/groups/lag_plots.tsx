/** How far a group has been behind over time, and how long until it has caught up. */
import { formatBrief, formatDuration } from "../../../../runtime/format.ts";
import type { Drain } from "../../groups/drain.ts";
import type { GroupView, RebalanceView } from "../../web/live.ts";
import { Plot } from "../plots/plot.tsx";
import { DURATION_TICKS } from "../plots/ticks.ts";
import type { PlotView } from "../plots/view.tsx";

export function LagPlots({ group, view, rebalances }: {
  group: GroupView;
  view: PlotView;
  rebalances: readonly RebalanceView[];
}) {
  const { service } = group;
  const own = rebalances.filter((rebalance) => rebalance.service === service);
  const common = { view, rebalances: own, of: "groups" } as const;
  return (
    <div class="lag-plots">
      <Plot
        {...common}
        title={`Lag of ${service} in messages`}
        series={[{ label: "lag in messages", color: "--blue", column: `${service} messages` }]}
        format={formatBrief}
      />
      <Plot
        {...common}
        title={`Lag of ${service} in time`}
        series={[{
          label: "lag in time",
          color: "--purple",
          dash: [8, 3],
          column: `${service} ms`,
        }]}
        format={formatDuration}
        ticks={DURATION_TICKS}
      />
    </div>
  );
}

export function drainText({ state, ms }: Drain): string {
  switch (state) {
    case "shrinks":
      return `caught up in ${formatDuration(ms ?? 0)}`;
    case "grows":
      return "not catching up: the lag grows";
    case "unknown":
      return "caught up in: not known yet";
    default:
      return state;
  }
}
