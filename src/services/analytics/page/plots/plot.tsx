/** A plot over time: uPlot, in the colours of the page's style sheet, with the cursor of all plots. */
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { localTimeOfDay } from "../../../../runtime/format.ts";
import { RANGES, type Track } from "../../trends/ranges.ts";
import type { RebalanceView } from "../../web/live.ts";
import { isolated } from "./isolated.ts";
import { agoText, middleOf, movedBy, timeCursor, windowAt } from "./time_cursor.ts";
import type { Ticks } from "./ticks.ts";
import type { PlotView } from "./view.tsx";

export interface Series {
  readonly label: string;
  /** The name of a colour in the style sheet, such as `--blue`. */
  readonly color: string;
  readonly dash?: number[] | undefined;
  /** Its column in the track. */
  readonly column: string;
}

interface PlotProps {
  /** What it is a plot of, for those who cannot see it. */
  readonly title: string;
  readonly view: PlotView;
  readonly of: "orders" | "groups";
  readonly series: readonly Series[];
  /** A value, with its unit. */
  readonly format: (value: number) => string;
  /** (default: as `format` says, at powers of ten) */
  readonly ticks?: Ticks;
  /** Marked where they happened. */
  readonly rebalances: readonly RebalanceView[];
}

const FONT = "12px system-ui, sans-serif";

export function Plot(props: PlotProps) {
  const { title, series, view } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const now = useRef(props);
  now.current = props;
  const scheme = useColorScheme();
  const cursorMs = useCursor();

  useEffect(() => {
    const element = host.current!;
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    const made = new uPlot(optionsOf(() => now.current, size()), dataOf(now.current), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize(size()));
    observer.observe(element);
    const point = ({ offsetX }: MouseEvent) => timeCursor.move(made.posToVal(offsetX, "x") * 1_000);
    made.over.addEventListener("mousemove", point);
    made.over.addEventListener("mouseleave", () => timeCursor.move(null));
    return () => {
      observer.disconnect();
      made.destroy();
    };
    // Series come and go with the currencies.
  }, [scheme, series.map(({ label }) => label).join()]);

  useEffect(() => plot.current?.setData(dataOf(now.current)), [view]);
  useEffect(() => plot.current && placeCursor(plot.current), [cursorMs]);

  const axis = axisOf(trackOf(props));
  const window = windowAt(axis, cursorMs);
  const onKeyDown = (event: KeyboardEvent) => {
    const to = movedBy(event.key, axis, timeCursor.atMs);
    if (to === undefined) return;
    event.preventDefault();
    timeCursor.move(to);
  };
  const values = window < 0 ? [] : valuesAt(props, window);
  const time = window < 0
    ? "no values yet"
    : localTimeOfDay(axis.startsAtMs + window * axis.stepMs);
  return (
    <figure class="plot">
      <div
        class="canvas"
        ref={host}
        tabIndex={0}
        role="slider"
        aria-label={`${title}, time`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, axis.length - 1)}
        aria-valuenow={Math.max(0, window)}
        aria-valuetext={[time, ...values.map(({ label, text }) => `${label} ${text}`)].join(", ")}
        onKeyDown={onKeyDown}
      />
      <figcaption class={cursorMs === null ? "readout" : "readout pointed"}>
        <time>{time}</time>
        {values.map(({ label, text }) => (
          <span key={label}>
            {label} <b>{text}</b>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function valuesAt({ series, format, ...props }: PlotProps, window: number) {
  const { columns } = trackOf(props);
  return series.map(({ label, column }) => {
    const value = columns[column]?.[window] ?? null;
    return { label, text: value === null ? "–" : format(value) };
  });
}

function trackOf({ view, of }: Pick<PlotProps, "view" | "of">): Track {
  return view.trends[`${view.range} ${of}`];
}

function axisOf({ startsAtMs, stepMs, columns }: Track) {
  return { startsAtMs, stepMs, length: Object.values(columns)[0]?.length ?? 0 };
}

function dataOf(props: PlotProps): uPlot.AlignedData {
  const track = trackOf(props);
  const axis = axisOf(track);
  const times = Array.from({ length: axis.length }, (_, window) => middleOf(axis, window) / 1_000);
  return [
    times,
    ...props.series.map(({ column }) =>
      (track.columns[column] ?? times.map(() => null)) as (number | null)[]
    ),
  ];
}

/** From when to when, in seconds: the same for all plots of the page. */
function spanOf({ trends, range, atMs }: PlotView): [number, number] {
  const { overMs } = RANGES.find(({ name }) => name === range)!;
  if (overMs !== Infinity) return [(atMs - overMs) / 1_000, atMs / 1_000];
  const starts = [trends["all orders"], trends["all groups"]]
    .filter((track) => axisOf(track).length > 0)
    .map(({ startsAtMs }) => startsAtMs);
  return [Math.min(atMs - 60_000, ...starts) / 1_000, atMs / 1_000];
}

function optionsOf(
  props: () => PlotProps,
  size: { width: number; height: number },
): uPlot.Options {
  const { series, format } = props();
  const ticks = props().ticks ?? { format, leastMax: 10 };
  const axis: uPlot.Axis = {
    stroke: color("--soft"),
    font: FONT,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  const span = () => spanOf(props().view);
  return {
    ...size,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    padding: [6, 22, 0, 0],
    scales: {
      x: { time: true, range: span },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : ticks.leastMax] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        gap: 7,
        space: 60,
        values: (_, times) => times.map((time) => agoText(time, span()[1])),
        splits: () => [span()[0], (span()[0] + span()[1]) / 2, span()[1]],
      },
      {
        ...axis,
        size: 66,
        gap: 4,
        space: 26,
        ...ticks.increments && { incrs: ticks.increments },
        values: (_, values) => values.map(ticks.format),
      },
    ],
    // Only then the scale is that of the new values.
    hooks: { draw: [placeCursor], drawClear: [(plot) => markRebalances(plot, props().rebalances)] },
    series: [
      {},
      ...series.map((s): uPlot.Series => ({
        label: s.label,
        stroke: color(s.color),
        width: 2,
        dash: s.dash,
        points: {
          show: false,
          filter: (plot, index) => isolated(plot.data[index]!),
          size: 4,
          fill: color(s.color),
        },
      })),
    ],
  };
}

function placeCursor(plot: uPlot): void {
  const { atMs } = timeCursor;
  plot.setCursor({ left: atMs === null ? -10 : plot.valToPos(atMs / 1_000, "x"), top: 0 }, false);
}

/**
 * A band as wide as each took, below the lines, and a mark on top that is seen where it took no time.
 * Those of several groups at once are one band, which is no darker than that of one.
 */
function markRebalances(plot: uPlot, rebalances: readonly RebalanceView[]): void {
  const { ctx, bbox } = plot;
  const bands = new Path2D();
  const marks = new Path2D();
  for (const { startedAtMs, durationMs } of rebalances) {
    const from = plot.valToPos(startedAtMs / 1_000, "x", true);
    const to = plot.valToPos((startedAtMs + durationMs) / 1_000, "x", true);
    const width = Math.max(2 * devicePixelRatio, to - from);
    bands.rect(from, bbox.top, width, bbox.height);
    marks.rect(from, bbox.top, width, 5 * devicePixelRatio);
  }
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = color("--orange");
  ctx.globalAlpha = 0.35;
  ctx.fill(bands);
  ctx.globalAlpha = 1;
  ctx.fill(marks);
  ctx.restore();
}

/** What the style sheet's colour is right now, as a canvas wants it. */
function color(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function useCursor(): number | null {
  const [atMs, setAtMs] = useState(timeCursor.atMs);
  useEffect(() => timeCursor.subscribe(setAtMs), []);
  return atMs;
}

/** Changes when the system goes from light to dark: canvases have to be drawn anew. */
function useColorScheme(): string {
  const query = globalThis.matchMedia("(prefers-color-scheme: dark)");
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const onChange = () => setDark(query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  return dark ? "dark" : "light";
}
