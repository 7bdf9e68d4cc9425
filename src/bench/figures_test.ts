import { assertEquals } from "@std/assert";
import { compare, median, spread, summarize } from "./figures.ts";

Deno.test("median: of an odd count the one in the middle, of an even one between two, of none NaN", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([10, 1, 2, 3]), 2.5);
  assertEquals(median([7]), 7);
  assertEquals(median([]), NaN);
});

Deno.test("spread: the largest less the smallest, as a share of the median", () => {
  assertEquals(spread(summarize([90, 100, 110])), 0.2);
  assertEquals(spread(summarize([5])), 0);
  assertEquals(spread(summarize([0, 0])), 0);
});

const sample = (scenario: string, ...values: [string, number][]) => ({
  scenario,
  figures: values.map(([label, value]) => ({ label, unit: "ms" as const, value })),
});

Deno.test("compare: a row for each figure of each scenario, its runs side by side", () => {
  const rows = compare([
    [sample("a", ["x", 1], ["y", 5]), sample("b", ["x", 7]), sample("a", ["x", 3], ["y", 6])],
    [sample("a", ["x", 2])],
  ]);
  assertEquals(
    rows.map(({ scenario, label, sides }) => [scenario, label, ...sides.map((s) => s?.values)]),
    [
      ["a", "x", [1, 3], [2]],
      ["a", "y", [5, 6], undefined],
      ["b", "x", [7], undefined],
    ],
  );
});

Deno.test("compare: rows of a scenario stand together, also those that came with a later run", () => {
  const rows = compare([[sample("a", ["x", 1]), sample("b", ["x", 1]), sample("a", ["z", 2])]]);
  assertEquals(rows.map(({ scenario, label }) => `${scenario} ${label}`), ["a x", "a z", "b x"]);
});

Deno.test("compare: what could not be measured is no figure", () => {
  const rows = compare([[sample("a", ["x", NaN], ["y", 1]), sample("a", ["x", NaN], ["y", NaN])]]);
  assertEquals(rows.map(({ label, sides }) => [label, sides[0]!.values]), [["y", [1]]]);
});
