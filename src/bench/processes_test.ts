import { assertEquals, assertThrows } from "@std/assert";
import { cpuPerOrder, processFigures, type Snapshot, useBetween } from "./processes.ts";

/** Members of one service, as pid, CPU and peak. */
const snapshot = (...members: [number, number, number][]): Snapshot => ({
  atMs: 0,
  members: new Map([
    [
      "validator",
      members.map(([pid, cpuSeconds, peakMiB]) => ({
        pid,
        name: `validator-${pid}`,
        cpuSeconds,
        peakMiB,
        familyCpuSeconds: cpuSeconds,
        ageSeconds: 1,
      })),
    ],
  ]),
});

Deno.test("useBetween: the CPU of all members, one that came meanwhile included; the largest peak", () => {
  const [use] = useBetween(snapshot([1, 10, 90]), snapshot([1, 12, 95], [2, 1, 120]), 1_000);
  assertEquals(use, { process: "validator", orders: 1_000, cpuSeconds: 3, peakMiB: 120 });
  assertEquals(cpuPerOrder([use!], "validator"), 3_000);
  assertEquals(cpuPerOrder([use!], "inventory"), 0);
});

Deno.test("useBetween: one that ended meanwhile would make nonsense of the figures", () => {
  const between = () => useBetween(snapshot([1, 10, 90]), snapshot([2, 1, 90]), 1_000);
  assertThrows(between, Error, "validator-1 ended while it was measured");
});

Deno.test("processFigures: garbage is told where it is known", () => {
  const use = { process: "validator", orders: 1_024, cpuSeconds: 2, peakMiB: 100 };
  const garbage = { pauseSeconds: 0.5, allocatedMiB: 10 };
  const text = processFigures([{ ...use, garbage }, { ...use, process: "Kafka" }])
    .map(({ label, value, unit }) => `${label} ${Math.round(value)} ${unit}`);
  assertEquals(text, [
    "CPU an order: the four services together 1953 µs",
    "validator: CPU an order 1953 µs",
    "validator: peak memory 100 MiB",
    "validator: paused for garbage collection, of its CPU 25 %",
    "validator: allocated an order 10 KiB",
    "Kafka: CPU an order 1953 µs",
    "Kafka: peak memory 100 MiB",
  ]);
});
