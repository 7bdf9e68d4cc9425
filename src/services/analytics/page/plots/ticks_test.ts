import { assertEquals } from "@std/assert";
import { DURATION_TICKS, durationTick } from "./ticks.ts";

Deno.test("durationTick: no zeros of whole seconds, minutes and hours", () => {
  assertEquals(
    [0, 200, 2_000, 2_500, 30_000, 60_000, 90_000, 300_000, 7_200_000].map(durationTick),
    ["0", "200 ms", "2 s", "2.5 s", "30 s", "1 min", "1 min 30 s", "5 min", "2 h"],
  );
});

Deno.test("DURATION_TICKS: increments rise", () => {
  const { increments = [] } = DURATION_TICKS;
  assertEquals(increments, increments.toSorted((a, b) => a - b));
});
