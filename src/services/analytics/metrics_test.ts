import { assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import { add, createAggregate } from "./aggregate.ts";
import { type Figures, snapshot } from "./snapshot.ts";
import { registerLatency, registerMetrics } from "./metrics.ts";
import { factsOf, sampleOrders } from "./testing/orders.ts";

Deno.test("registerMetrics: each scrape has the totals of that moment", async () => {
  const aggregate = createAggregate();
  const registry = new Registry();
  let lagMessages = 5;
  registerMetrics(registry, (): Figures => ({
    snapshot: snapshot(aggregate),
    reading: {
      source: "group",
      group: "analytics",
      partitions: 4,
      startedAt: "2026-01-02T12:00:00.000Z",
      notReady: null,
      progress: null,
      undecodableMessages: 3,
    },
    lag: [{
      service: "validator",
      group: "validator",
      members: 2,
      lagMessages,
      topics: [{ topic: "orders.raw", lagMessages }],
    }],
  }), () => new Map([["payment", -3_600_000]]));
  const scrape = async (...names: string[]) => {
    const lines = (await registry.metrics()).split("\n");
    return lines.filter((line) => names.some((name) => line.startsWith(name)));
  };
  const orders = sampleOrders(7, Date.parse("2026-01-02T12:00:00.000Z"), 10);
  for (const event of orders.slice(0, 1).flatMap(factsOf)) add(aggregate, event);
  assertEquals(await scrape("orderflow_analytics_orders", "orderflow_group_lag"), [
    'orderflow_analytics_orders_total{stage="placed"} 1',
    'orderflow_analytics_orders_total{stage="validated"} 1',
    'orderflow_analytics_orders_total{stage="confirmed"} 1',
    'orderflow_analytics_orders_total{stage="cancelled"} 0',
    'orderflow_analytics_orders_total{stage="rejected"} 0',
    'orderflow_group_lag_messages{service="validator",topic="orders.raw"} 5',
  ]);
  for (const event of orders.slice(1).flatMap(factsOf)) add(aggregate, event);
  lagMessages = 0;
  // Estimates, but for what is nearest to the longest.
  assertEquals((await scrape("orderflow_analytics_latency")).slice(1), [
    'orderflow_analytics_latency_seconds{quantile="0.95"} 0.242',
    'orderflow_analytics_latency_seconds{quantile="0.99"} 0.242',
  ]);
  const counted = ["orders", "refusals", "revenue", "left_out"].map((name) =>
    `orderflow_analytics_${name}`
  );
  assertEquals(await scrape(...counted, "orderflow_group"), [
    'orderflow_analytics_orders_total{stage="placed"} 7',
    'orderflow_analytics_orders_total{stage="validated"} 7',
    'orderflow_analytics_orders_total{stage="confirmed"} 5',
    'orderflow_analytics_orders_total{stage="cancelled"} 2',
    'orderflow_analytics_orders_total{stage="rejected"} 0',
    'orderflow_analytics_refusals_total{outcome="cancelled",reason="out_of_stock"} 1',
    'orderflow_analytics_refusals_total{outcome="cancelled",reason="card_declined"} 1',
    'orderflow_analytics_revenue_cents_total{currency="USD"} 203',
    'orderflow_analytics_revenue_cents_total{currency="EUR"} 307',
    'orderflow_analytics_left_out_total{why="late"} 0',
    'orderflow_analytics_left_out_total{why="clock_skew"} 0',
    'orderflow_analytics_left_out_total{why="undecodable"} 3',
    'orderflow_group_lag_messages{service="validator",topic="orders.raw"} 0',
    'orderflow_group_members{service="validator"} 2',
  ]);
  assertEquals(await scrape("orderflow_clock"), [
    'orderflow_clock_off_seconds{service="payment"} -3600',
  ]);
});

Deno.test("registerLatency: a histogram of each outcome, whose buckets add up", async () => {
  const { latency } = createAggregate();
  const registry = new Registry();
  registerLatency(registry, () => latency);
  const scrape = async () =>
    (await registry.metrics()).split("\n").filter((line) => line.includes('{outcome="confirmed"'));
  assertEquals((await scrape()).map((line) => line.split(" ")[1]), Array(15).fill("0"));
  for (const ms of [20, 700, 800, 7_200_000]) latency.confirmed.add(ms);
  latency.rejected.add(1);
  const name = "orderflow_order_latency_seconds";
  const counts = [1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 4];
  const limits = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, "+Inf"];
  assertEquals(await scrape(), [
    ...limits.map((le, i) => `${name}_bucket{outcome="confirmed",le="${le}"} ${counts[i]}`),
    `${name}_sum{outcome="confirmed"} 7201.52`,
    `${name}_count{outcome="confirmed"} 4`,
  ]);
});
