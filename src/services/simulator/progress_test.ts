import { assertEquals } from "@std/assert";
import { barLine, jsonLine, textLine } from "./progress.ts";

const halfway = { first: 0, placed: 1_500, acknowledged: 1_000, total: 2_000, elapsedMs: 500 };
const open = { ...halfway, total: Infinity };

Deno.test("jsonLine: counts, and 0 for a total that is open", () => {
  assertEquals(JSON.parse(jsonLine(halfway)), { placed: 1_500, acknowledged: 1_000, total: 2_000 });
  assertEquals(JSON.parse(jsonLine(open)), { placed: 1_500, acknowledged: 1_000, total: 0 });
});

Deno.test("textLine: counts and the rate of what is acknowledged", () => {
  assertEquals(textLine(halfway), "placed 1,500 of 2,000 orders, 1,000 acknowledged, 2,000/s");
  assertEquals(textLine(open), "placed 1,500 orders, 1,000 acknowledged, 2,000/s");
  const goesOn = { ...halfway, first: 900 };
  assertEquals(textLine(goesOn), "placed 1,500 of 2,000 orders, 1,000 acknowledged, 200/s");
  const start = { first: 0, placed: 0, acknowledged: 0, total: 2_000, elapsedMs: 0 };
  assertEquals(textLine(start), "placed 0 of 2,000 orders, 0 acknowledged, 0/s");
});

Deno.test("barLine: is filled by what is acknowledged, and left out when the total is open", () => {
  assertEquals(barLine(halfway), `${"█".repeat(12)}${"░".repeat(12)} ${textLine(halfway)}`);
  const over = { ...halfway, acknowledged: 2_000 };
  assertEquals(barLine(over), `${"█".repeat(24)} ${textLine(over)}`);
  assertEquals(barLine(open), textLine(open));
});
