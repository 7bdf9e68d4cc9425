/** A plot over the last ten minutes: uPlot, in the colours of the page's style sheet. */
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

export interface Series {
  readonly label: string;
  /** The name of a colour in the style sheet, such as `--blue`. */
  readonly color: string;
  readonly dash?: number[];
  readonly values: readonly (number | null)[];
}

interface PlotProps {
  /** What it is a plot of, for those who cannot see it. */
  readonly title: string;
  /** Epoch milliseconds of each value, and of the right edge. */
  readonly timesMs: readonly number[];
  readonly untilMs: number;
  readonly series: readonly Series[];
  /** A value on the axis, with its unit. */
  readonly tick: (value: number) => string;
  /** Steps for values that hold for a window, lines for others. */
  readonly stepped?: boolean;
}

const OVER_S = 600;
const FONT = "12px system-ui, sans-serif";

export function Plot(props: PlotProps) {
  const { title, timesMs, untilMs, series } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const untilS = useRef(0);
  untilS.current = untilMs / 1_000;
  const scheme = useColorScheme();

  useEffect(() => {
    const element = host.current!;
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    const made = new uPlot(optionsOf(props, size(), () => untilS.current), undefined, element);
    plot.current = made;
    made.setData(dataOf(props));
    const observer = new ResizeObserver(() => made.setSize(size()));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
    // Series come and go with the currencies.
  }, [scheme, series.map(({ label }) => label).join()]);

  useEffect(() => plot.current?.setData(dataOf(props)), [timesMs, untilMs]);

  return (
    <figure class="plot" aria-label={title}>
      <div class="canvas" ref={host} />
    </figure>
  );
}

function dataOf({ timesMs, series }: PlotProps): uPlot.AlignedData {
  return [
    timesMs.map((ms) => ms / 1_000),
    ...series.map(({ values }) => values as (number | null)[]),
  ];
}

function optionsOf(
  { series, tick, stepped }: PlotProps,
  size: { width: number; height: number },
  untilS: () => number,
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: color("--soft"),
    font: FONT,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 16, 0, 0],
    scales: {
      x: { time: true, range: () => [untilS() - OVER_S, untilS()] },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 10] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        gap: 7,
        space: 60,
        values: (_, times) => times.map((time) => `${minutesAgo(time, untilS())}`),
        splits: () => [-10, -5, 0].map((minutes) => untilS() + 60 * minutes),
      },
      { ...axis, size: 66, gap: 4, space: 26, values: (_, values) => values.map(tick) },
    ],
    series: [
      {},
      ...series.map((s): uPlot.Series => ({
        label: s.label,
        stroke: color(s.color),
        width: 2,
        dash: s.dash,
        points: { show: false },
        paths: stepped ? uPlot.paths.stepped!({ align: 1 }) : undefined,
      })),
    ],
  };
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

function minutesAgo(atS: number, nowS: number): string {
  const minutes = Math.round((nowS - atS) / 60);
  return minutes === 0 ? "now" : `−${minutes} min`;
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
