import { Gauge } from "prom-client";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createRegistry } from "./metrics.ts";

Deno.test("createRegistry: each sample is of its service, unless it says of which", async () => {
  const registry = createRegistry("validator");
  const sample = async (name: string) =>
    (await registry.metrics()).split("\n").find((line) => line.startsWith(`${name}{`));
  const off = { name: "orderflow_clock_off_seconds", help: "off", labelNames: ["service"] };
  new Gauge({ ...off, registers: [registry] }).set({ service: "simulator" }, 1);
  assertEquals(await sample(off.name), `${off.name}{service="simulator"} 1`);
  assertMatch(
    await sample("orderflow_build_info") ?? "",
    /^orderflow_build_info\{version="[^"]+",deno_version="[^"]+",service="validator"\} 1$/,
  );
});

Deno.test("createRegistry: what the process uses is known, and its CPU time only grows", async () => {
  const registry = createRegistry("validator");
  const value = async (name: string) =>
    (await registry.getSingleMetric(name)!.get()).values[0]!.value;
  for (const name of ["process_resident_memory_bytes", "nodejs_heap_size_used_bytes"]) {
    assert(await value(name) > 1e6, name);
  }
  const startedAt = await value("process_start_time_seconds");
  assert(Math.abs(startedAt - Date.now() / 1_000) < 3_600, `${startedAt}`);
  const before = await value("process_cpu_seconds_total");
  assert(before > 0);
  // Also where the first scrape found as much: a counter that is set anew must not add up.
  for (let i = 0; i < 3; i++) {
    const now = await value("process_cpu_seconds_total");
    assert(now >= before && now < before + 60, `${before}, then ${now}`);
  }
});
