import { assertEquals } from "@std/assert";
import { compare } from "./figures.ts";
import { report, summaryText, table } from "./report.ts";
import { summarize } from "./figures.ts";

const side = (name: string) => ({ name, checkout: `/${name}`, revision: "1234567" });
const run = (settled: number) => [{
  scenario: "flat-out",
  figures: [
    { label: "orders settled", unit: "orders/s" as const, value: settled },
    { label: "CPU an order", unit: "µs" as const, value: settled / 10 },
  ],
}];

Deno.test("table: of one side, a heading for each scenario", () => {
  assertEquals(
    table([side("this")], compare([run(4_000)])),
    [
      "flat-out",
      "  orders settled   4,000 orders/s",
      "  CPU an order             400 µs",
    ].join("\n"),
  );
});

Deno.test("table: of two sides, beside each other with their ratio", () => {
  const rows = compare([[...run(4_000), ...run(6_000)], run(2_500)]);
  assertEquals(
    table([side("this"), side("other")], rows),
    [
      "                                           this            other   this ÷ other",
      "flat-out",
      "  orders settled   5,000 (4,000–6,000) orders/s   2,500 orders/s           2.00",
      "  CPU an order                 500 (400–600) µs           250 µs           2.00",
    ].join("\n"),
  );
});

Deno.test("table: a side without a figure has none, nor a ratio", () => {
  const rows = compare([run(1_000), []]);
  const lines = table([side("this"), side("other")], rows).split("\n");
  assertEquals(lines[2]!.trim().split(/\s{2,}/), ["orders settled", "1,000 orders/s", "–", "–"]);
});

Deno.test("summaryText: three digits", () => {
  const text = (value: number) => summaryText(summarize([value]), "");
  assertEquals(
    [0, 0.012345, 1.5, 12.34, 99.94, 123.4, 12_345.6].map(text),
    ["0", "0.0123", "1.50", "12.3", "99.9", "123", "12,346"],
  );
});

Deno.test("report: every value of each run, which JSON can say", () => {
  const { sides, figures } = JSON.parse(
    JSON.stringify(report([side("this"), side("other")], compare([run(1_000), []]))),
  );
  assertEquals(sides.map(({ name }: { name: string }) => name), ["this", "other"]);
  assertEquals(figures[0], {
    scenario: "flat-out",
    label: "orders settled",
    unit: "orders/s",
    sides: [{ values: [1_000], median: 1_000, min: 1_000, max: 1_000 }, null],
  });
});
