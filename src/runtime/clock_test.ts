import { assertEquals, assertStringIncludes } from "@std/assert";
import { Registry } from "prom-client";
import { ClockCheck } from "./clock.ts";

const NOW_MS = 1_800_000_000_000;

for (
  const [what, saidMs, begins] of [
    [
      "an hour behind",
      NOW_MS + 3_600_000,
      "this process's clock is 3600 s behind that of PostgreSQL",
    ],
    [
      "an hour ahead",
      NOW_MS - 3_600_000,
      "this process's clock is 3600 s ahead of that of PostgreSQL",
    ],
    ["two seconds off", NOW_MS - 2_000, undefined],
    ["within the time that the answer took", NOW_MS + 9_000, undefined],
  ] as const
) {
  Deno.test(`ClockCheck: ${what}: ${begins === undefined ? "not logged" : "logged once, and its end"}`, () => {
    const clock = new ClockCheck();
    const lines: string[] = [];
    const note = (line: string) => void lines.push(line);
    clock.logTo({ warn: note, info: note });
    const between = [NOW_MS, NOW_MS + (begins === undefined ? 10_000 : 0)] as const;
    clock.note("PostgreSQL", saidMs, between);
    clock.note("PostgreSQL", saidMs, between);
    assertEquals(lines.length, begins === undefined ? 0 : 1);
    if (begins !== undefined) assertStringIncludes(lines[0]!, begins);
    clock.note("PostgreSQL", NOW_MS, [NOW_MS, NOW_MS]);
    assertEquals(
      lines.slice(1),
      begins === undefined ? [] : [
        "this process's clock and that of PostgreSQL agree again",
      ],
    );
  });
}

Deno.test("ClockCheck: the difference is a metric", async () => {
  const clock = new ClockCheck();
  const registry = new Registry();
  clock.register(registry);
  clock.note("PostgreSQL", NOW_MS + 60_000, [NOW_MS, NOW_MS]);
  const metrics = await registry.metrics();
  assertStringIncludes(metrics, 'orderflow_own_clock_ahead_seconds{of="PostgreSQL"} -60');
});
