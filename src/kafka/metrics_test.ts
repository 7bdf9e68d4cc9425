import { assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import { DEAD_LETTER_REASONS, LOSS_REASONS } from "../events/reasons.ts";
import { createProcessorMetrics, startAtZero } from "./metrics.ts";

Deno.test("startAtZero: what a service may ever count is there before it has counted any", async () => {
  const metrics = startAtZero(createProcessorMetrics(new Registry()), "payment");
  const counts = async (metric: typeof metrics.events | typeof metrics.messages) =>
    (await metric.get()).values.map(({ labels, value }) => [...Object.values(labels), value]);
  assertEquals(await counts(metrics.messages), [["orders.validated", 0], ["orders.outcomes", 0]]);
  assertEquals(await counts(metrics.events), [
    ["PaymentProcessed", 0],
    ["PaymentFailed", 0],
    ["PaymentRefunded", 0],
  ]);
  assertEquals((await metrics.deadLetters.get()).values.length, DEAD_LETTER_REASONS.length);
  assertEquals((await metrics.recordsLost.get()).values.length, 2 * LOSS_REASONS.length);
});
