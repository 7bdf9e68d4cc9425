import { assertEquals, assertStringIncludes } from "@std/assert";
import { timeoutFitsLatency } from "./service.ts";

Deno.test("timeoutFitsLatency: wants a time limit of twice the mean latency", () => {
  assertEquals(timeoutFitsLatency({ timeoutMs: 100, latencyMs: 50 }), undefined);
  const fault = timeoutFitsLatency({ timeoutMs: 99, latencyMs: 50 }) ?? "";
  for (const part of ["GATEWAY_TIMEOUT_MS", "99", "GATEWAY_LATENCY_MS", "50"]) {
    assertStringIncludes(fault, part);
  }
});
