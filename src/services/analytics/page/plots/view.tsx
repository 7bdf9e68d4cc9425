/** What all plots show at once: the figures, and the range of time that the reader has chosen. */
import { formatDuration } from "../../../../runtime/format.ts";
import { type RangeName, RANGES, type Trends } from "../../trends/ranges.ts";

export interface PlotView {
  readonly trends: Trends;
  readonly range: RangeName;
  /** Epoch milliseconds of the right edge. */
  readonly atMs: number;
}

export function RangePicker({ view, onPick }: {
  view: PlotView;
  onPick: (range: RangeName) => void;
}) {
  const { stepMs } = view.trends[`${view.range} orders`];
  return (
    <div class="ranges" role="group" aria-label="Range of all plots">
      <span>Plots over</span>
      {RANGES.map(({ name }) => (
        <button
          type="button"
          key={name}
          aria-pressed={name === view.range}
          onClick={() => onPick(name)}
        >
          {name}
        </button>
      ))}
      <small>
        a value every{" "}
        {formatDuration(stepMs)}; point at a plot, or focus it and press the arrow keys;{" "}
        <i class="rebalance" aria-hidden="true" /> rebalance
      </small>
    </div>
  );
}
