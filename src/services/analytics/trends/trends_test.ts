import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { add, createAggregate } from "../aggregate.ts";
import { factsOf, NOON_MS, order, sampleOrders } from "../testing/orders.ts";
import { trendsOf } from "../web/updates.ts";
import { applyChanges, changesBetween } from "./changes.ts";
import { GrowingWindows } from "./growing_windows.ts";
import { LagTrends } from "./lag_trends.ts";
import { MAX_WINDOWS, RANGES, type Trends } from "./ranges.ts";

interface Count {
  count: number;
}

const growing = () =>
  new GrowingWindows<Count>(1_000, 8, () => ({ count: 0 }), (into, from) => {
    into.count += from.count;
  });

Deno.test("GrowingWindows: never too many, nothing lost, and the same in any order", () => {
  const times = fc.array(fc.integer({ min: -1e7, max: 1e7 }), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(times, (times) => {
    const [one, other] = [growing(), growing()];
    for (const at of times) one.at(at)!.count++;
    for (const at of times.toReversed()) other.at(at)!.count++;
    const newest = Math.max(...times);
    const { values } = one.upTo(newest);
    assert(values.length <= 8);
    assertEquals(values.reduce((sum, value) => sum + (value?.count ?? 0), 0), times.length);
    assertEquals(one.upTo(newest), other.upTo(newest));
    assertEquals(one.widthMs, other.widthMs);
  }));
});

Deno.test("GrowingWindows: no time has no window", () => {
  assertEquals(growing().at(NaN), undefined);
  assertEquals(growing().upTo(5), { startsAtMs: 0, values: [] });
});

/** Orders and lags in the ten minutes and a bit before `nowMs`. */
function trendsAt(nowMs: number, overMs: number, everyMs: number): Trends {
  const aggregate = createAggregate();
  for (const one of sampleOrders(Math.floor(overMs / everyMs), nowMs - overMs, everyMs)) {
    for (const fact of factsOf(one)) if (fact.occurredAtMs <= nowMs) add(aggregate, fact);
  }
  const lags = new LagTrends();
  for (let atMs = nowMs - overMs; atMs <= nowMs; atMs += everyMs) {
    lags.sample(atMs, [{ service: "payment", lag: { messages: atMs % 777, ms: atMs % 99 } }]);
  }
  return trendsOf(aggregate, lags, nowMs);
}

Deno.test("trendsOf: windows that are not over are left out, and with them a fall to zero", () => {
  for (const offset of [0, 999, 1_001, 2_500, 4_999]) {
    const trends = trendsAt(NOON_MS + offset, 120_000, 250);
    for (const { name } of RANGES.filter(({ stepMs }) => stepMs === 5_000)) {
      const { columns, startsAtMs, stepMs } = trends[`${name} orders`];
      assertEquals(columns.placed!.at(-1), 4, `${name}, ${offset} ms`);
      const endMs = startsAtMs + stepMs * columns.placed!.length;
      assert(endMs <= NOON_MS + offset && endMs > NOON_MS + offset - 2 * stepMs);
    }
  }
});

Deno.test("trendsOf: a day of orders is at most so many windows, and so many bytes", () => {
  const trends = trendsAt(NOON_MS, 86_400_000, 20_000);
  const length = (name: keyof Trends) => Object.values(trends[name].columns)[0]!.length;
  // Windows before the first that counted are not there.
  for (const name of ["10 minutes orders", "1 hour groups"] as const) {
    assert(length(name) > 115 && length(name) <= 120, `${length(name)}`);
  }
  assert(length("all orders") > MAX_WINDOWS / 2 - 2 && length("all orders") <= MAX_WINDOWS);
  assert(JSON.stringify(trends).length < 100_000);
});

Deno.test("trendsOf: the most that a group was behind in each window; none where nobody looked", () => {
  const lags = new LagTrends();
  const note = (second: number, messages: number) =>
    lags.sample(NOON_MS + 1_000 * second, [{ service: "payment", lag: { messages, ms: 1 } }]);
  for (const [second, messages] of [[0, 5], [1, 9], [4, 2], [11, 3]]) note(second!, messages!);
  const track = lags.tracks(NOON_MS + 17_000)["10 minutes"];
  assertEquals(track.columns["payment messages"], [9, null, 3]);
  assertEquals(track.startsAtMs, NOON_MS);
});

Deno.test("trends: a wrong time of placing does not stretch the range of all", () => {
  const aggregate = createAggregate();
  const trends = () => trendsOf(aggregate, new LagTrends(), NOON_MS + 60_000)["all orders"];
  for (const fact of factsOf(order({}))) add(aggregate, fact);
  const before = trends().startsAtMs;
  for (const fact of factsOf(order({}))) add(aggregate, { ...fact, placedAtMs: 0 });
  assertEquals(trends().startsAtMs, before);
});

Deno.test("changesBetween, applyChanges: what a browser has becomes what there is now", () => {
  const when = fc.integer({ min: 0, max: 900_000 });
  fc.assert(
    fc.property(when, when, fc.integer({ min: 900, max: 9_000 }), (a, b, everyMs) => {
      const before = trendsAt(NOON_MS + a, 60_000 + a, everyMs);
      const after = trendsAt(NOON_MS + b, 60_000 + b, everyMs);
      const sent = JSON.parse(JSON.stringify(changesBetween(before, after)));
      assertEquals(applyChanges(before, sent), after);
    }),
    { numRuns: 40 },
  );
});

Deno.test("changesBetween: a second later there is little to send, and nothing where nothing changed", () => {
  const aggregate = createAggregate();
  for (const one of sampleOrders(2_000, NOON_MS - 500_000, 250)) {
    for (const fact of factsOf(one)) add(aggregate, fact);
  }
  const lags = new LagTrends();
  const at = (nowMs: number) => trendsOf(aggregate, lags, nowMs);
  assertEquals(changesBetween(at(NOON_MS + 2_000), at(NOON_MS + 2_000)), {});
  const changes = JSON.stringify(changesBetween(at(NOON_MS + 2_000), at(NOON_MS + 7_000)));
  assert(changes.length < 2_000, changes);
});
