import { assertEquals } from "@std/assert";
import { add, createAggregate } from "./aggregate.ts";
import { type Snapshot, snapshot } from "./snapshot.ts";
import { eventsOf, factsOf, figuresOf, NOON_MS, order } from "./testing/orders.ts";

const MINUTE_MS = 60_000;

Deno.test("snapshot: rates are means over full seconds, the newest is not over", () => {
  // 5 orders in each of 20 seconds, then one in the 21st.
  const settled = Array.from(
    { length: 101 },
    (_, i) => order({ sequence: i, placedAtMs: NOON_MS + i * 200, latencyMs: 0 }),
  );
  const { last10Seconds, last60Seconds } = figuresOf(settled.flatMap(eventsOf)).ratesPerSecond;
  const all = { placed: 5, validated: 5, settled: 5, confirmed: 5, cancelled: 0, rejected: 0 };
  assertEquals(last10Seconds, all);
  assertEquals(last60Seconds, all, "since the first second");
  assertEquals(figuresOf(eventsOf(order({ latencyMs: 0 }))).ratesPerSecond, {
    last10Seconds: null,
    last60Seconds: null,
  });
});

Deno.test("snapshot: windows reach up to now, so that rates go to 0 when nothing happens any more", () => {
  const aggregate = createAggregate();
  for (let i = 0; i < 100; i++) {
    const one = order({ sequence: i, placedAtMs: NOON_MS + i * 200, latencyMs: 0 });
    for (const event of factsOf(one)) add(aggregate, event);
  }
  const settled = (nowMs: number) => {
    const { ratesPerSecond, perSecond, orders } = snapshot(aggregate, nowMs);
    const inWindows = perSecond.settled.reduce((a, b) => a + b, 0);
    return [ratesPerSecond.last10Seconds?.settled, inWindows, orders.settled];
  };
  assertEquals(
    settled(NOON_MS),
    [5, 100, 100],
    "a clock that is behind the events changes nothing",
  );
  assertEquals(settled(NOON_MS + 25_000), [2.5, 100, 100]);
  assertEquals(settled(NOON_MS + 40_000), [0, 100, 100]);
  assertEquals(settled(NOON_MS + 605_000), [0, 70, 100]);
  assertEquals(settled(NOON_MS + 60 * MINUTE_MS), [undefined, 0, 100]);
});

Deno.test("snapshot: latency in total, by outcome, and of the newest minute", () => {
  const { latency, perTenSeconds } = figuresOf([
    ...eventsOf(order({ sequence: 1, placedAtMs: NOON_MS - MINUTE_MS, latencyMs: 30 })),
    ...eventsOf(order({ sequence: 2, placedAtMs: NOON_MS - 50_000, latencyMs: 25 })),
    ...eventsOf(order({ sequence: 3, latencyMs: 20, scenario: "card_declined" })),
    ...eventsOf(order({ sequence: 4, latencyMs: 10, scenario: "rejected" })),
  ]);
  const brief = ({ orders, p50Ms, maxMs }: Snapshot["latency"]["all"]) => [orders, p50Ms, maxMs];
  assertEquals(brief(latency.all), [4, 20, 30]);
  assertEquals(brief(latency.confirmed), [2, 25, 30]);
  assertEquals(brief(latency.cancelled), [1, 20, 20]);
  assertEquals(brief(latency.rejected), [1, 10, 10]);
  assertEquals(brief(latency.lastMinute), [3, 20, 25]);
  assertEquals(perTenSeconds.startsAtMs, NOON_MS - MINUTE_MS);
  assertEquals(perTenSeconds.orders, [1, 1, 0, 0, 0, 0, 2]);
  assertEquals(perTenSeconds.p99Ms, [30, 25, null, null, null, null, 20]);
});

Deno.test("snapshot: plain JSON that later events do not change", () => {
  const aggregate = createAggregate();
  for (const event of factsOf(order({}))) add(aggregate, event);
  const before = snapshot(aggregate);
  const json = JSON.stringify(before);
  assertEquals(JSON.parse(json), before);
  for (const event of factsOf(order({ sequence: 2, totalCents: 5 }))) add(aggregate, event);
  assertEquals(JSON.stringify(before), json);
});

Deno.test("snapshot: before the first event there is nothing, and no figure is invented", () => {
  const { newestEventAt, orders, latency, perSecond, perMinute } = figuresOf([]);
  assertEquals(newestEventAt, null);
  assertEquals(new Set(Object.values(orders)), new Set([0]));
  assertEquals(latency.all, { orders: 0, p50Ms: null, p95Ms: null, p99Ms: null, maxMs: null });
  assertEquals([perSecond.placed, perMinute.currencies], [[], {}]);
});

Deno.test("snapshot: its size is bounded, however long the run", () => {
  const aggregate = createAggregate();
  const size = () => JSON.stringify(snapshot(aggregate)).length;
  const addDay = (day: number) => {
    for (let minute = 0; minute < 24 * 60; minute++) {
      const placedAtMs = NOON_MS + (day * 24 * 60 + minute) * MINUTE_MS;
      for (const event of factsOf(order({ sequence: minute, placedAtMs }))) add(aggregate, event);
    }
  };
  addDay(0);
  const afterOneDay = size();
  for (let day = 1; day < 5; day++) addDay(day);
  const { perSecond, perTenSeconds, perMinute } = snapshot(aggregate);
  assertEquals(perSecond.placed.length <= 600, true);
  assertEquals(perTenSeconds.orders.length <= 60, true);
  assertEquals(perMinute.currencies.EUR?.confirmedCents.length, 60);
  // The same but for some more digits.
  assertEquals(size() - afterOneDay < 100, true);
});
