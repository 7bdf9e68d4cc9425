import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createPace } from "./pace.ts";

const cases: [string, Parameters<typeof createPace>[0], number, [ms: number, due: number][]][] = [
  ["10/s", { first: 0, orders: 0, ratePerS: 10, durationMs: 0 }, Infinity, [[0, 1], [99, 1], [
    100,
    2,
  ], [
    1_000,
    11,
  ]]],
  ["10/s, 5 orders", { first: 0, orders: 5, ratePerS: 10, durationMs: 0 }, 5, [[0, 1], [400, 5], [
    9e9,
    5,
  ]]],
  ["10/s for 1 s", { first: 0, orders: 0, ratePerS: 10, durationMs: 1_000 }, 10, [
    [0, 1],
    [900, 10],
    [
      9e9,
      10,
    ],
  ]],
  ["10/s for 1 s, 5 orders", { first: 0, orders: 5, ratePerS: 10, durationMs: 1_000 }, 5, [[
    9e9,
    5,
  ]]],
  ["one in 2 s", { first: 0, orders: 0, ratePerS: 0.5, durationMs: 0 }, Infinity, [[0, 1], [
    1_999,
    1,
  ], [
    2_000,
    2,
  ]]],
  ["10/s, 5 orders, 3 of them before", { first: 3, orders: 5, ratePerS: 10, durationMs: 0 }, 5, [
    [
      0,
      4,
    ],
    [100, 5],
    [9e9, 5],
  ]],
  ["10/s for 1 s after 3", { first: 3, orders: 0, ratePerS: 10, durationMs: 1_000 }, 13, [[
    900,
    13,
  ]]],
  [
    "as fast as possible, 7 orders, 3 of them before",
    {
      first: 3,
      orders: 7,
      ratePerS: 0,
      durationMs: 0,
    },
    7,
    [[0, 7]],
  ],
  ["as fast as possible, 7 orders", { first: 0, orders: 7, ratePerS: 0, durationMs: 0 }, 7, [[
    0,
    7,
  ]]],
  ["as fast as possible", { first: 0, orders: 0, ratePerS: 0, durationMs: 0 }, Infinity, [[
    0,
    Infinity,
  ]]],
];

for (const [what, options, total, dues] of cases) {
  Deno.test(`createPace: ${what}`, () => {
    const pace = createPace(options);
    assertEquals(pace.total, total);
    assertEquals(dues.map(([ms]) => [ms, pace.due(ms)]), dues);
    assert(!pace.over(9e9));
  });
}

Deno.test("createPace: as fast as possible for a while is over after it", () => {
  const pace = createPace({ first: 0, orders: 0, ratePerS: 0, durationMs: 500 });
  assertEquals([0, 499, 500, 501].map(pace.over), [false, false, true, true]);
});

const rates = fc.double({ min: 0.1, max: 100_000, noNaN: true });
const times = fc.double({ min: 0, max: 100_000, noNaN: true });

Deno.test("createPace: what is due never grows less, and never exceeds the total", () => {
  const options = fc.record({
    first: fc.nat(10_000),
    orders: fc.nat(10_000),
    ratePerS: fc.oneof(fc.constant(0), rates),
    durationMs: fc.oneof(fc.constant(0), times),
  });
  fc.assert(fc.property(options, times, times, (options, a, b) => {
    const pace = createPace(options);
    const [earlier, later] = [Math.min(a, b), Math.max(a, b)];
    assert(pace.due(earlier) <= pace.due(later));
    assert(pace.due(later) <= pace.total);
  }));
});

Deno.test("createPace: an order counts as due from when it is due, to a rounding error", () => {
  const numbers = fc.nat(1_000_000);
  fc.assert(fc.property(rates, numbers, numbers, (ratePerS, first, later) => {
    const pace = createPace({ first, orders: 0, ratePerS, durationMs: 0 });
    const sequence = first + later;
    const dueAtMs = pace.dueAtMs(sequence)!;
    const step = 1_000 / ratePerS;
    assert(pace.due(dueAtMs + step / 100) > sequence);
    assert(pace.due(dueAtMs - step / 100) <= sequence);
  }));
});

Deno.test("createPace: a duration's orders are those that are due before its end", () => {
  const durations = fc.integer({ min: 1, max: 1_000_000 });
  fc.assert(fc.property(rates, durations, (ratePerS, durationMs) => {
    const { total, dueAtMs } = createPace({ first: 0, orders: 0, ratePerS, durationMs });
    const roundingMs = durationMs * 1e-9;
    assert(total >= 1 && dueAtMs(total - 1)! < durationMs + roundingMs);
    assert(dueAtMs(total)! >= durationMs - roundingMs);
  }));
});
