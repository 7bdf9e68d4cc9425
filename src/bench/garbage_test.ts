import { assertEquals } from "@std/assert";
import { garbageIn } from "./garbage.ts";

/** As V8 prints it, in lines and between those of the program. */
const LOG = `2026-01-01T00:00:00Z INFO validator: ready
[21:0x55bd5f36e000]      100 ms: Scavenge 20.0 (25.1) -> 5.0 (27.1) MB, pooled: 0.0 MB, 1.50 / 0.00 ms (average mu = 1.000, current mu = 1.000) allocation failure; 
[21:0x55bd5f36e000]     1000 ms: Scavenge 21.0 (25.1) -> 6.0 (27.1) MB, pooled: 0.0 MB, 2.50 / 0.00 ms (average mu = 1.000, current mu = 1.000) allocation failure; 
[21:0x55bd5f36e000]     2000 ms: Incremental Mark-Compact (reduce) 26.0 (42.7) -> 9.0 (40.2) MB, pooled: 0.0 MB, 30.00 / 0.00 ms (+ 3.5 ms in 7 steps since start of marking, biggest step 2.9 ms, walltime since start of marking 32 ms) (average mu = 0.879, current mu = 0.837) finalize incremental marking via stack guard; GC in old space requested
[21:0x55bd5f36e000]     9000 ms: Scavenge 19.0 (25.1) -> 6.0 (27.1) MB, pooled: 0.0 MB, 4.00 / 0.00 ms (average mu = 1.000, current mu = 1.000) allocation failure; 
[21:0x55bd5f36e0`;

Deno.test("garbageIn: pauses and steps of marking, and what was allocated between collections", () => {
  const { pauseSeconds, allocatedMiB } = garbageIn(LOG, { from: 0, to: 10 });
  assertEquals(pauseSeconds.toFixed(4), "0.0415");
  assertEquals(allocatedMiB, 16 + 20 + 10);
});

Deno.test("garbageIn: only of the window", () => {
  const { pauseSeconds, allocatedMiB } = garbageIn(LOG, { from: 0.5, to: 5 });
  assertEquals(pauseSeconds.toFixed(4), "0.0360");
  assertEquals(allocatedMiB, 20);
});

Deno.test("garbageIn: a log without collections", () => {
  assertEquals(garbageIn("", { from: 0, to: 10 }), { pauseSeconds: 0, allocatedMiB: 0 });
});
