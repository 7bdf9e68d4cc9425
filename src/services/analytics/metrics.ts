/** The main figures as Prometheus metrics, read at each scrape. */
import { Counter, Gauge, type Metric as PromMetric, type Registry } from "prom-client";
import type { Aggregate } from "./aggregate.ts";
import type { Figures } from "./snapshot.ts";

type Values = Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;

/**
 * Registers the metrics; each scrape reads `figures`.
 *
 * @param clocksOff milliseconds, by the service whose clock it is
 */
export function registerMetrics(
  registry: Registry,
  figures: () => Figures,
  clocksOff: () => ReadonlyMap<string, number>,
): void {
  const metrics = [...orderMetrics(figures), ...groupMetrics(figures, clocksOff)];
  for (const metric of metrics) register(registry, metric);
}

/** Each scrape reads its values. */
export function register(
  registry: Registry,
  { counter, gauge, help, labelNames, values }: Metric,
): void {
  const Kind = counter === undefined ? Gauge : Counter;
  new Kind({
    name: (counter ?? gauge)!,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of values()) this.inc(labels, value);
    },
  });
}

/** Seconds. From what a quiet pipeline takes to what a backlog does. */
const LATENCY_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

/**
 * From placed to outcome, as a histogram whose buckets are made of those that the figures keep: an order
 * costs nothing more.
 */
export function registerLatency(registry: Registry, latency: () => Aggregate["latency"]): void {
  const name = "orderflow_order_latency_seconds";
  const help = "From placed to outcome, seconds, by outcome";
  const get = () => {
    const values = Object.entries(latency()).flatMap(([outcome, histogram]) => {
      const counts = histogram.atMost(LATENCY_BUCKETS.map((seconds) => seconds * 1_000));
      const buckets = LATENCY_BUCKETS.map((le, i) => [String(le), counts[i]!] as const);
      return [
        ...[...buckets, ["+Inf", histogram.count] as const].map(([le, value]) => ({
          metricName: `${name}_bucket`,
          labels: { outcome, le },
          value,
        })),
        { metricName: `${name}_sum`, labels: { outcome }, value: histogram.sumMs / 1_000 },
        { metricName: `${name}_count`, labels: { outcome }, value: histogram.count },
      ];
    });
    return Promise.resolve({ name, help, type: "histogram", values, aggregator: "sum" });
  };
  // prom-client's own histogram counts each latency by itself; a registry asks no more than this of one.
  registry.registerMetric({ name, help, get } as unknown as PromMetric);
}

export interface Metric {
  /** Its name as a counter, or as a gauge. */
  readonly counter?: string;
  readonly gauge?: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly values: () => Values;
}

function orderMetrics(figures: () => Figures): Metric[] {
  return [
    {
      counter: "orderflow_analytics_orders_total",
      help: "Orders, by stage: placed, validated, confirmed, cancelled, rejected",
      labelNames: ["stage"],
      values() {
        const { placed, validated, confirmed, cancelled, rejected } = figures().snapshot.orders;
        return labelled("stage", { placed, validated, confirmed, cancelled, rejected });
      },
    },
    {
      counter: "orderflow_analytics_refusals_total",
      help: "Orders cancelled and rejected, by reason",
      labelNames: ["outcome", "reason"],
      values() {
        const { cancelledByReason, rejectedByReason } = figures().snapshot;
        const outcomes = { cancelled: cancelledByReason, rejected: rejectedByReason };
        return Object.entries(outcomes).flatMap(([outcome, reasons]) =>
          Object.entries(reasons).map(([reason, orders]) => [{ outcome, reason }, orders] as const)
        );
      },
    },
    {
      counter: "orderflow_analytics_revenue_cents_total",
      help: "Value of the confirmed orders, cents, by currency",
      labelNames: ["currency"],
      values: () =>
        Object.entries(figures().snapshot.money).map((
          [currency, { confirmedCents }],
        ) => [{ currency }, confirmedCents]),
    },
    {
      gauge: "orderflow_analytics_latency_seconds",
      help:
        "Deprecated: see orderflow_order_latency_seconds. From placed to outcome, of the orders " +
        "settled in the newest minute, seconds",
      labelNames: ["quantile"],
      values() {
        const { p50Ms, p95Ms, p99Ms } = figures().snapshot.latency.lastMinute;
        return Object.entries({ "0.5": p50Ms, "0.95": p95Ms, "0.99": p99Ms })
          .flatMap(([quantile, ms]) => ms === null ? [] : [[{ quantile }, ms / 1_000] as const]);
      },
    },
    {
      counter: "orderflow_analytics_left_out_total",
      help:
        "Late events (not in the rates), clock skew (latency counted as 0), messages that are " +
        "not events",
      labelNames: ["why"],
      values() {
        const { snapshot: { lateEvents, clockSkewEvents }, reading } = figures();
        const { undecodableMessages: undecodable } = reading;
        return labelled("why", { late: lateEvents, clock_skew: clockSkewEvents, undecodable });
      },
    },
  ];
}

function groupMetrics(
  figures: () => Figures,
  clocksOff: () => ReadonlyMap<string, number>,
): Metric[] {
  return [
    {
      gauge: "orderflow_group_lag_messages",
      help: "Deprecated: see kafka_consumergroup_lag. Messages that a consumer group has still " +
        "to read, by topic",
      labelNames: ["service", "topic"],
      values: () =>
        (figures().lag ?? []).flatMap(({ service, topics }) =>
          topics.map(({ topic, lagMessages }) => [{ service, topic }, lagMessages] as const)
        ),
    },
    {
      gauge: "orderflow_group_members",
      help: "Deprecated: see kafka_consumergroup_members. Members of a consumer group",
      labelNames: ["service"],
      values: () => (figures().lag ?? []).map(({ service, members }) => [{ service }, members]),
    },
    {
      gauge: "orderflow_clock_off_seconds",
      help: "By at least how much a clock is ahead of this process's; negative: behind the " +
        "simulator's",
      labelNames: ["service"],
      values: () => [...clocksOff()].map(([service, ms]) => [{ service }, ms / 1_000]),
    },
  ];
}

function labelled(label: string, values: Readonly<Record<string, number>>): Values {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value] as const);
}
