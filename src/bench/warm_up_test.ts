import { assert, assertEquals } from "@std/assert";
import { judge, MOST_SLICES, warmUp, warmUpText } from "./warm_up.ts";

/** How many slices are run where they take so much; the last is repeated. */
async function slicesRun(...costs: number[]): Promise<number> {
  let next = 0;
  const { slices } = await warmUp(() => Promise.resolve(costs[next++] ?? costs.at(-1)!));
  assertEquals(slices.length, next);
  return next;
}

Deno.test("warmUp: ends as soon as three slices in a row agree within 10 %", async () => {
  assertEquals(await slicesRun(100, 105, 109), 3);
  assertEquals(await slicesRun(900, 500, 400, 399, 401), 5);
});

Deno.test("warmUp: two that agree are too few, and so are three that creep", async () => {
  assertEquals(await slicesRun(100, 100, 120, 120, 120), 5);
  assertEquals(await slicesRun(100, 92, 84, 76, 70, 70), 6);
});

Deno.test("warmUp: gives up where nothing agrees, and says so", async () => {
  let cost = 1;
  const state = await warmUp(() => Promise.resolve(cost *= 2));
  assertEquals([state.slices.length, state.steady], [MOST_SLICES, false]);
  assert(warmUpText(state).endsWith("still differ by 300 %: not steady"));
});

Deno.test("warmUp: what cannot be measured is not steady", async () => {
  assertEquals(await slicesRun(NaN), MOST_SLICES);
  assertEquals(judge([NaN, NaN, NaN]).steady, false);
});

Deno.test("judge: fewer slices than have to agree are not steady", () => {
  assertEquals([[], [1], [1, 1]].map((slices) => judge(slices).steady), [false, false, false]);
});
