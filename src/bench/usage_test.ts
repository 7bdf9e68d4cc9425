import { assertEquals } from "@std/assert";
import { parseMachineUsage, parseUsage } from "./usage.ts";

const STAT =
  "4711 (deno) (x)) S 1 4711 4711 0 -1 4194304 1 0 0 0 1200 100 150 50 20 0 12 0 500000 99 1 2";
const STATUS = "Name:\tdeno\nVmPeak:\t  999999 kB\nVmHWM:\t  102400 kB\nVmRSS:\t    9000 kB\n";

Deno.test("parseUsage: CPU, peak and age of a process, whose name may hold anything", () => {
  const usage = parseUsage(`${STAT}\n${STATUS}5060.50 9000.00\n`);
  assertEquals([usage.cpuSeconds, usage.familyCpuSeconds, usage.peakMiB], [13, 15, 100]);
  assertEquals(usage.ageSeconds, 60.5);
});

Deno.test("parseUsage: NaN where there is no such process, or no /proc", () => {
  const nothing = { cpuSeconds: NaN, familyCpuSeconds: NaN, peakMiB: NaN, ageSeconds: NaN };
  assertEquals(parseUsage(""), nothing);
  assertEquals(parseUsage("5060.50 9000.00\n"), nothing);
});

Deno.test("parseMachineUsage: busy is all that is neither idle nor waiting for disks", () => {
  const text = "cpu  100 200 300 4000 500 50 75 75 9 9\ncpu0 1 2 3 4 5 6 7 8 9 9\n";
  assertEquals(parseMachineUsage(text), { seconds: 53, busySeconds: 8 });
});

Deno.test("parseMachineUsage: NaN where there is no /proc", () => {
  assertEquals(parseMachineUsage(""), { seconds: NaN, busySeconds: NaN });
});
