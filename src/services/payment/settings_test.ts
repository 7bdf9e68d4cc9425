import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { settings, timeoutFitsLatency } from "./settings.ts";

Deno.test("timeoutFitsLatency: wants a time limit of twice the mean latency", () => {
  assertEquals(timeoutFitsLatency({ gatewayUrl: "", timeoutMs: 100, latencyMs: 50 }), undefined);
  const fault = timeoutFitsLatency({ gatewayUrl: "", timeoutMs: 99, latencyMs: 50 }) ?? "";
  for (const part of ["GATEWAY_TIMEOUT_MS", "99", "GATEWAY_LATENCY_MS", "50"]) {
    assertStringIncludes(fault, part);
  }
});

Deno.test("timeoutFitsLatency: the latency of a provider elsewhere is none of its business", () => {
  const url = "http://127.0.0.1:8085";
  assertEquals(timeoutFitsLatency({ gatewayUrl: url, timeoutMs: 10, latencyMs: 50 }), undefined);
});

Deno.test("GATEWAY_URL: an address over HTTP, which nothing secret is in, or none", () => {
  const { read } = settings.gatewayUrl;
  for (const url of ["", "http://127.0.0.1:8085", "https://pay.example/v1/", "http://[::1]:80"]) {
    assertEquals(read(url), url);
  }
  const wrong = ["pay.example", "ftp://pay.example", "http://", "http://a:b@pay", "http://pay?k=1"];
  for (const url of [...wrong, "http://pay:99999", "http://pay#x"]) {
    assertThrows(() => read(url), Error, "http://… or https://…");
  }
});
