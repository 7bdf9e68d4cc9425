/** How business is right now: large numbers, each above a plot of the last ten minutes. */
import type { ComponentChildren } from "preact";
import type { Live } from "../web/live.ts";
import {
  formatBrief,
  formatBriefMoney,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
} from "../../../runtime/format.ts";
import { MAX_CURRENCIES } from "../trends/order_trends.ts";
import type { RangeName } from "../trends/ranges.ts";
import "./now.css";
import { Plot } from "./plots/plot.tsx";
import { DURATION_TICKS } from "./plots/ticks.ts";
import { type PlotView, RangePicker } from "./plots/view.tsx";

export function Now({ live, view, onPick }: {
  live: Live;
  view: PlotView;
  onPick: (range: RangeName) => void;
}) {
  const { snapshot, rebalances, reading } = live;
  // As long as the log is being read there may be some in it.
  const isEmpty = snapshot.newestEventAt === null && !reading.progress && !reading.notReady;
  const common = { snapshot, plot: { view, rebalances, of: "orders" } } as const;
  return (
    <section id="now" aria-label="Now">
      {isEmpty && (
        <p class="empty">
          no orders yet: run <code>deno task simulator</code>
        </p>
      )}
      <RangePicker view={view} onPick={onPick} />
      <div class="cards">
        <Orders {...common} />
        <Outcomes {...common} />
        <LatencyCard {...common} />
        <Revenue {...common} />
      </div>
    </section>
  );
}

interface CardProps {
  readonly snapshot: Live["snapshot"];
  readonly plot: {
    readonly view: PlotView;
    readonly of: "orders";
    readonly rebalances: Live["rebalances"];
  };
}

function Orders({ snapshot, plot }: CardProps) {
  const { ratesPerSecond, orders } = snapshot;
  const rates = ratesPerSecond.last10Seconds;
  const row = (name: "placed" | "validated" | "settled", color: string, dash?: number[]) => ({
    label: name,
    color,
    dash,
    big: formatRate(rates?.[name] ?? null),
    small: formatCount(orders[name]),
    exact: orders[name],
    column: name,
  });
  const rows = [
    row("placed", "--blue"),
    row("validated", "--orange", [6, 3]),
    row("settled", "--green", [2, 2]),
  ];
  return (
    <Card title="Orders" heads={["per second, last 10 s", "in total"]}>
      <Rows rows={rows} />
      <Plot
        title="Orders per second"
        {...plot}
        series={rows}
        format={formatRate}
      />
    </Card>
  );
}

function Outcomes({ snapshot, plot }: CardProps) {
  const { orders, cancelledByReason, rejectedByReason } = snapshot;
  const row = (name: "confirmed" | "cancelled" | "rejected", color: string, dash?: number[]) => ({
    label: name,
    color,
    dash,
    big: formatCount(orders[name]),
    small: formatShare(orders[name], orders.settled),
    exact: orders[name],
    column: name,
  });
  const rows = [
    row("confirmed", "--green"),
    row("cancelled", "--orange", [6, 3]),
    row("rejected", "--purple", [2, 2]),
  ];
  return (
    <Card title="Outcomes" heads={["in total", "share of settled"]}>
      <Rows rows={rows} />
      <Plot
        title="Outcomes per second"
        {...plot}
        series={rows}
        format={formatRate}
      />
      <Reasons cancelled={cancelledByReason} rejected={rejectedByReason} />
    </Card>
  );
}

function Reasons(reasons: { [outcome: string]: Readonly<Record<string, number>> }) {
  const words = Object.entries(reasons).flatMap(([outcome, byReason]) =>
    Object.entries(byReason).map(([reason, orders]) => ({ outcome, reason, orders }))
  ).toSorted((a, b) => b.orders - a.orders);
  return (
    <details class="reasons">
      <summary>{words.length === 0 ? "no refusals" : `reasons (${words.length})`}</summary>
      <ul>
        {words.map(({ outcome, reason, orders }) => (
          <li key={`${outcome} ${reason}`}>
            <span>{reason.replaceAll("_", " ")}</span>
            <span class={outcome}>{outcome}</span>
            <b>{formatCount(orders)}</b>
          </li>
        ))}
      </ul>
    </details>
  );
}

function LatencyCard({ snapshot, plot }: CardProps) {
  const { latency } = snapshot;
  const row = (name: string, key: "p50Ms" | "p95Ms" | "p99Ms", color: string, dash?: number[]) => ({
    label: name,
    color,
    dash,
    big: formatDuration(latency.lastMinute[key]),
    small: formatDuration(latency.all[key]),
    column: key,
  });
  const rows = [
    row("p50", "p50Ms", "--blue"),
    row("p95", "p95Ms", "--orange", [10, 4]),
    row("p99", "p99Ms", "--purple", [2, 4]),
  ];
  return (
    <Card title="Latency" heads={["last minute", "all orders"]} isShort>
      <Rows rows={rows} />
      <Plot
        title="Latency from placed to outcome"
        {...plot}
        series={rows}
        format={formatDuration}
        ticks={DURATION_TICKS}
      />
    </Card>
  );
}

const CURRENCY_COLORS = ["--blue", "--orange", "--green"];
const CURRENCY_DASHES = [undefined, [6, 3], [2, 2]];

function Revenue({ snapshot, plot }: CardProps) {
  const { money: totals } = snapshot;
  const currencies = Object.entries(totals)
    .toSorted(([a, x], [b, y]) => y.confirmedCents - x.confirmedCents || (a < b ? -1 : 1))
    .slice(0, MAX_CURRENCIES);
  const rows = currencies.map(([currency, amounts], index) => ({
    label: currency,
    color: CURRENCY_COLORS[index]!,
    dash: CURRENCY_DASHES[index],
    big: formatBriefMoney(amounts.confirmedCents),
    small: formatBriefMoney(amounts.orderedCents),
    exact: amounts.confirmedCents,
    column: `${currency}/min`,
  }));
  return (
    <Card title="Revenue" heads={["confirmed", "validated"]} isShort>
      {rows.length > 0 ? <Rows rows={rows} /> : <p class="none">nothing confirmed yet</p>}
      <Plot
        title="Revenue per minute"
        {...plot}
        series={rows}
        format={(value) => `${formatBrief(value)}/min`}
      />
    </Card>
  );
}

function Card({ title, heads, isShort, children }: {
  title: string;
  /** What stands below them: in the large column, and in the small one. */
  heads: readonly [string, string];
  /** The names of its rows are short. */
  isShort?: boolean;
  children: ComponentChildren;
}) {
  return (
    <article class={isShort ? "card short" : "card"}>
      <h2>{title}</h2>
      <p class="heads">
        <span>{heads[0]}</span> <span>{heads[1]}</span>
      </p>
      {children}
    </article>
  );
}

interface Row {
  readonly label: string;
  readonly color: string;
  readonly dash?: number[] | undefined;
  readonly big: string;
  readonly small: string;
  readonly exact?: number;
}

/** So many characters fit in large letters, with the small column beside them. */
const MAX_BIG = 7;

/** The legend of the plot below, with the numbers. */
function Rows({ rows }: { rows: readonly Row[] }) {
  return (
    <dl class="rows">
      {rows.map(({ label, color, dash, big, small, exact }) => (
        <div key={label}>
          <dt>
            <svg class="key" viewBox="0 0 18 4" aria-hidden="true">
              <line
                x1="0"
                y1="2"
                x2="18"
                y2="2"
                stroke={`var(${color})`}
                stroke-dasharray={dash?.join(" ")}
              />
            </svg>
            {label}
          </dt>
          <dd class={big.length > MAX_BIG ? "big long" : "big"}>{big}</dd>
          <dd class="small" data-figure={label} data-value={exact}>{small}</dd>
        </div>
      ))}
    </dl>
  );
}
