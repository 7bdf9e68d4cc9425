import { assertEquals, assertStringIncludes } from "@std/assert";
import { timeoutFitsLatency } from "./settings.ts";

Deno.test("timeoutFitsLatency: wants a time limit of twice the mean latency", () => {
  assertEquals(timeoutFitsLatency({ gatewayUrl: "", timeoutMs: 100, latencyMs: 50 }), undefined);
  const fault = timeoutFitsLatency({ gatewayUrl: "", timeoutMs: 99, latencyMs: 50 }) ?? "";
  for (const part of ["GATEWAY_TIMEOUT_MS", "99", "GATEWAY_LATENCY_MS", "50"]) {
    assertStringIncludes(fault, part);
  }
});
