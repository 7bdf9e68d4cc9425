import { assertEquals } from "@std/assert";
import { DURATION_TICKS } from "./ticks.ts";

Deno.test("DURATION_TICKS: increments rise", () => {
  const { increments = [] } = DURATION_TICKS;
  assertEquals(increments, increments.toSorted((a, b) => a - b));
});
