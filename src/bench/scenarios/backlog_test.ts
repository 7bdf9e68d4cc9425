import { assertEquals } from "@std/assert";
import { backlogFigures } from "./backlog.ts";

Deno.test("backlogFigures: what was read, and used, after the first fifth", () => {
  const warm = { read: 200, share: 0.2, atMs: 1_000, cpuSeconds: 0.5, peakMiB: 90 };
  const end = { read: 1_000, share: 1, atMs: 3_000, cpuSeconds: 2.1, peakMiB: 100 };
  assertEquals(
    backlogFigures("event", warm, end).map(({ label, value, unit }) => [label, value, unit]),
    [
      ["read after the first fifth", 400, "events/s"],
      ["CPU an event", 2_000, "µs"],
      ["peak memory", 100, "MiB"],
    ],
  );
});
