import { assert, assertEquals } from "@std/assert";
import { FAULT_KINDS } from "../faults/faults.ts";
import { coverageLines, progressLine, summaryLines, worthExplaining } from "./report.ts";
import { emptyTally, type Failure } from "./tally.ts";

const failure = (seed: number, promise: string, what = ""): Failure => ({
  seed,
  violations: [{ promise, what, orders: [] }, { promise: "G6", what: "", orders: [] }],
});
const options = { orders: 20 };
const costs = { wallMs: 61_000, cpuMs: 120_000 };

Deno.test("summaryLines: how many, at what cost, which seeds, what failed", () => {
  const tally = { ...emptyTally(), schedules: 6_000, orders: 120_000 };
  assertEquals(progressLine(tally, 2_000), "6,000 schedules, 120,000 orders, 2 s, 0 failed");
  assertEquals(summaryLines(tally, { first: 7, options }, costs), [
    "6,000 schedules, 120,000 orders in 61 s (2 min of CPU, 20.0 ms a schedule)",
    "seeds 7 to 6006; again: deno task sim --seed 7 --orders 20 --schedules 6000",
    "every promise was kept",
  ]);
  tally.failures = [
    failure(9, "G1", "order-1 has none\nat x"),
    failure(10, "G2", "order-7 has none"),
    failure(12, "G1", "order-22 has none"),
  ];
  assertEquals(summaryLines(tally, { first: 7, options }, costs).slice(2), [
    "3 schedules broke a promise:",
    "  G1  order-… has none: 9, 12",
    "  G2  order-… has none: 10",
  ]);
  tally.failures = Array.from({ length: 30 }, (_, i) => failure(i, "G1"));
  assert(summaryLines(tally, { first: 7, options }, costs).at(-1)!.endsWith(" 7, and 22 more"));
});

Deno.test("worthExplaining: one of each kind, then the first ones", () => {
  const failures = [failure(1, "G1"), failure(2, "G1"), failure(3, "G1"), failure(9, "G2")];
  assertEquals(worthExplaining(failures, 3), [1, 2, 9]);
  assertEquals(worthExplaining([], 3), []);
});

Deno.test("coverageLines: each fault, each code, and what was never met", () => {
  const tally = emptyTally();
  tally.met.set("EndTxn NOT_COORDINATOR", 1_234).set("answer lost", 2);
  const lines = coverageLines(tally);
  assertEquals(FAULT_KINDS.filter((kind) => !lines.some((line) => line.includes(kind))), []);
  assert(lines.includes("  EndTxn NOT_COORDINATOR  1,234"));
  assert(lines.includes("  answer lost  2"));
  assert(lines.at(-1)!.includes("EndTxn CONCURRENT_TRANSACTIONS"));
  assert(!lines.at(-1)!.includes("EndTxn NOT_COORDINATOR"));
});
