import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { traceparentOf } from "./make_order.ts";

Deno.test("traceparentOf: is a W3C trace context, the same for the same order", () => {
  fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9-]{1,64}$/), (orderId) => {
    const traceparent = traceparentOf(orderId);
    assertMatch(traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assertNotEquals(traceparent.slice(3, 35), "0".repeat(32));
    assertNotEquals(traceparent.slice(36, 52), "0".repeat(16));
    assertEquals(traceparentOf(orderId), traceparent);
  }));
});

Deno.test("traceparentOf: no two orders of several runs share a trace or a span", () => {
  const ids = ["r1", "r2", "rkz3f"].flatMap((run) =>
    Array.from({ length: 20_000 }, (_, n) => `${run}-${String(n).padStart(6, "0")}`)
  );
  const parents = ids.map(traceparentOf);
  assertEquals(new Set(parents.map((parent) => parent.slice(3, 35))).size, ids.length);
  assertEquals(new Set(parents.map((parent) => parent.slice(36, 52))).size, ids.length);
});
