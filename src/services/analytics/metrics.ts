/** The main figures as Prometheus metrics, read at each scrape. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { Figures } from "./snapshot.ts";

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
  const registers = [registry];
  new Counter({
    name: "orderflow_analytics_orders_total",
    help: "Orders, by stage: placed, validated, confirmed, cancelled, rejected",
    labelNames: ["stage"],
    registers,
    collect() {
      this.reset();
      const { placed, validated, confirmed, cancelled, rejected } = figures().snapshot.orders;
      const stages = { placed, validated, confirmed, cancelled, rejected };
      for (const [stage, orders] of Object.entries(stages)) this.inc({ stage }, orders);
    },
  });
  new Counter({
    name: "orderflow_analytics_refusals_total",
    help: "Orders cancelled and rejected, by reason",
    labelNames: ["outcome", "reason"],
    registers,
    collect() {
      this.reset();
      const { cancelledByReason, rejectedByReason } = figures().snapshot;
      const outcomes = { cancelled: cancelledByReason, rejected: rejectedByReason };
      for (const [outcome, reasons] of Object.entries(outcomes)) {
        for (const [reason, orders] of Object.entries(reasons)) {
          this.inc({ outcome, reason }, orders);
        }
      }
    },
  });
  new Counter({
    name: "orderflow_analytics_revenue_cents_total",
    help: "Value of the confirmed orders, cents, by currency",
    labelNames: ["currency"],
    registers,
    collect() {
      this.reset();
      for (const [currency, { confirmedCents }] of Object.entries(figures().snapshot.money)) {
        this.inc({ currency }, confirmedCents);
      }
    },
  });
  new Gauge({
    name: "orderflow_analytics_latency_seconds",
    help: "From placed to outcome, of the orders settled in the newest minute, seconds",
    labelNames: ["quantile"],
    registers,
    collect() {
      this.reset();
      const { p50Ms, p95Ms, p99Ms } = figures().snapshot.latency.lastMinute;
      for (const [quantile, ms] of Object.entries({ "0.5": p50Ms, "0.95": p95Ms, "0.99": p99Ms })) {
        if (ms !== null) this.set({ quantile }, ms / 1_000);
      }
    },
  });
  new Counter({
    name: "orderflow_analytics_left_out_total",
    help:
      "Late events (not in the rates), clock skew (latency counted as 0), messages that are not events",
    labelNames: ["why"],
    registers,
    collect() {
      this.reset();
      const { snapshot, reading } = figures();
      this.inc({ why: "late" }, snapshot.lateEvents);
      this.inc({ why: "clock_skew" }, snapshot.clockSkewEvents);
      this.inc({ why: "undecodable" }, reading.undecodableMessages);
    },
  });
  new Gauge({
    name: "orderflow_group_lag_messages",
    help: "Messages that a consumer group has still to read, by topic",
    labelNames: ["service", "topic"],
    registers,
    collect() {
      this.reset();
      for (const { service, topics } of figures().lag ?? []) {
        for (const { topic, lagMessages } of topics) this.set({ service, topic }, lagMessages);
      }
    },
  });
  new Gauge({
    name: "orderflow_group_members",
    help: "Members of a consumer group",
    labelNames: ["service"],
    registers,
    collect() {
      this.reset();
      for (const { service, members } of figures().lag ?? []) this.set({ service }, members);
    },
  });
  new Gauge({
    name: "orderflow_clock_off_seconds",
    help:
      "By at least how much a clock is ahead of this process's; negative: behind the simulator's",
    labelNames: ["service"],
    registers,
    collect() {
      this.reset();
      for (const [service, ms] of clocksOff()) this.set({ service }, ms / 1_000);
    },
  });
}
