/** How business is right now: large numbers, each above a plot of the last ten minutes. */
import type { ComponentChildren } from "preact";
import type { Live } from "../web/live.ts";
import type { Snapshot } from "../snapshot.ts";
import {
  formatBrief,
  formatBriefMoney,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  NOTHING,
} from "../../../runtime/format.ts";
import { Plot, type Series } from "./plot.tsx";

/** The most currencies that have a line of their own in the card and in its plot. */
const MAX_CURRENCIES = 3;

export function Now({ live }: { live: Live }) {
  const { snapshot, atMs } = live;
  return (
    <section id="now" aria-label="Now">
      {snapshot.newestEventAt === null && (
        <p class="empty">
          no orders yet: run <code>deno task simulator</code>
        </p>
      )}
      <div class="cards">
        <Orders snapshot={snapshot} atMs={atMs} />
        <Outcomes snapshot={snapshot} atMs={atMs} />
        <LatencyCard snapshot={snapshot} atMs={atMs} />
        <Revenue snapshot={snapshot} atMs={atMs} />
      </div>
    </section>
  );
}

interface CardProps {
  readonly snapshot: Snapshot;
  readonly atMs: number;
}

function Orders({ snapshot, atMs }: CardProps) {
  const { perSecond, ratesPerSecond, orders } = snapshot;
  const rates = ratesPerSecond.last10Seconds;
  const row = (name: "placed" | "validated" | "settled", color: string, dash?: number[]) => ({
    label: name,
    color,
    dash,
    big: formatRate(rates?.[name] ?? null),
    small: formatCount(orders[name]),
    exact: orders[name],
    values: perSecond[name],
  });
  const rows = [
    row("placed", "--blue"),
    row("validated", "--orange", [6, 3]),
    row("settled", "--green", [2, 2]),
  ];
  return (
    <Card title="Orders" unit="last 10 s" total="in total">
      <Rows rows={rows} />
      <Plot
        title="Orders per second"
        {...seconds(snapshot, atMs, rows)}
        tick={(value) => formatRate(value)}
      />
    </Card>
  );
}

function Outcomes({ snapshot, atMs }: CardProps) {
  const { perSecond, orders, cancelledByReason, rejectedByReason } = snapshot;
  const row = (name: "confirmed" | "cancelled" | "rejected", color: string, dash?: number[]) => ({
    label: name,
    color,
    dash,
    big: formatCount(orders[name]),
    small: formatShare(orders[name], orders.settled),
    exact: orders[name],
    values: perSecond[name],
  });
  const rows = [
    row("confirmed", "--green"),
    row("cancelled", "--orange", [6, 3]),
    row("rejected", "--red", [2, 2]),
  ];
  return (
    <Card title="Outcomes" unit="in total" total="">
      <Rows rows={rows} />
      <Plot
        title="Outcomes per second"
        {...seconds(snapshot, atMs, rows)}
        tick={(value) => formatRate(value)}
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

function LatencyCard({ snapshot, atMs }: CardProps) {
  const { perTenSeconds, latency } = snapshot;
  const row = (name: string, key: "p50Ms" | "p95Ms" | "p99Ms", color: string, dash?: number[]) => ({
    label: name,
    color,
    dash,
    big: formatDuration(latency.lastMinute[key]),
    small: formatDuration(latency.all[key]),
    values: perTenSeconds[key],
  });
  const rows = [
    row("p50", "p50Ms", "--blue"),
    row("p95", "p95Ms", "--orange", [6, 3]),
    row("p99", "p99Ms", "--red", [2, 2]),
  ];
  const { startsAtMs, windowMs } = perTenSeconds;
  return (
    <Card title="Latency" unit="last minute" total="in total">
      <Rows rows={rows} />
      <Plot
        title="Latency from placed to outcome"
        timesMs={rows[0]!.values.map((_, index) => startsAtMs + (index + 0.5) * windowMs)}
        untilMs={atMs}
        series={rows}
        tick={formatDuration}
      />
    </Card>
  );
}

const CURRENCY_COLORS = ["--blue", "--orange", "--green"];

function Revenue({ snapshot, atMs }: CardProps) {
  const { perMinute, money: totals } = snapshot;
  const currencies = Object.entries(totals)
    .toSorted(([a, x], [b, y]) => y.confirmedCents - x.confirmedCents || (a < b ? -1 : 1))
    .slice(0, MAX_CURRENCIES);
  const rows = currencies.map(([currency, amounts], index) => {
    const minutes = perMinute.currencies[currency]?.confirmedCents ?? [];
    return {
      label: currency,
      color: CURRENCY_COLORS[index]!,
      dash: index === 0 ? undefined : [6, 3 * index],
      big: formatBriefMoney(amounts.confirmedCents),
      small: [
        `${formatBriefMoney(minutes.at(-2) ?? 0)}/min`,
        `of ${formatBriefMoney(amounts.orderedCents)}`,
      ],
      exact: amounts.confirmedCents,
      values: minutes.map((cents) => cents / 100),
    };
  });
  const { startsAtMs, windowMs } = perMinute;
  const length = Math.max(0, ...rows.map(({ values }) => values.length));
  return (
    <Card title="Revenue" unit="confirmed" total="of validated">
      <Rows
        rows={rows.length > 0 ? rows : [{ label: NOTHING, color: "--blue", big: "", small: "" }]}
      />
      <Plot
        title="Revenue per minute"
        timesMs={Array.from({ length }, (_, index) => startsAtMs + index * windowMs)}
        untilMs={atMs}
        series={rows}
        tick={(value) => `${formatBrief(value)}/min`}
        stepped
      />
    </Card>
  );
}

/** Means over so many seconds: single ones jump with each transaction. */
const BIN = 5;

function seconds({ perSecond }: Snapshot, atMs: number, series: readonly Series[]) {
  const { startsAtMs, windowMs } = perSecond;
  // Bins begin at the same times whenever they are made, and the newest second is not over.
  const skipped = (BIN - startsAtMs / windowMs % BIN) % BIN;
  const bins = Math.max(0, Math.floor((perSecond.placed.length - 1 - skipped) / BIN));
  const mean = (values: Series["values"], bin: number) => {
    const first = skipped + bin * BIN;
    return values.slice(first, first + BIN).reduce<number>((sum, n) => sum + (n ?? 0), 0) / BIN;
  };
  const numbers = Array.from({ length: bins }, (_, bin) => bin);
  return {
    timesMs: numbers.map((bin) => startsAtMs + (skipped + (bin + 0.5) * BIN) * windowMs),
    untilMs: atMs,
    series: series.map((one) => ({ ...one, values: numbers.map((bin) => mean(one.values, bin)) })),
  };
}

function Card({ title, unit, total, children }: {
  title: string;
  unit: string;
  total: string;
  children: ComponentChildren;
}) {
  return (
    <article class="card">
      <h2>
        {title} <small>{unit}</small> <small class="total">{total}</small>
      </h2>
      {children}
    </article>
  );
}

interface Row {
  readonly label: string;
  readonly color: string;
  readonly dash?: number[] | undefined;
  readonly big: string;
  readonly small: string | readonly string[];
  readonly exact?: number;
}

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
          <dd class="big">{big}</dd>
          <dd
            class={typeof small === "string" ? "small" : "small two"}
            data-figure={label}
            data-value={exact}
          >
            {typeof small === "string" ? small : small.map((line) => <div key={line}>{line}</div>)}
          </dd>
        </div>
      ))}
    </dl>
  );
}
