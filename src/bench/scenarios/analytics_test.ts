import { assertEquals } from "@std/assert";
import { add, createAggregate } from "../../services/analytics/aggregate.ts";
import { snapshot } from "../../services/analytics/snapshot.ts";
import { factsOf, NOON_MS, sampleOrders } from "../../services/analytics/testing/orders.ts";
import { progressOf } from "./analytics.ts";

const reading = {
  source: "log",
  group: "analytics",
  partitions: 48,
  startedAt: "2026-01-02T12:00:00.000Z",
  notReady: null,
  undecodableMessages: 0,
} as const;

Deno.test("progressOf: all events that analytics has counted, of whatever type", () => {
  const facts = sampleOrders(100, NOON_MS, 10).flatMap(factsOf);
  const aggregate = createAggregate();
  for (const fact of facts) add(aggregate, fact);
  const figures = { snapshot: snapshot(aggregate), reading: { ...reading, progress: null } };
  assertEquals(progressOf(figures), { read: facts.length, share: 1 });
});

Deno.test("progressOf: a share of what there is to read, and nothing before that is known", () => {
  const at = (passed: number, expected: number) =>
    progressOf({
      snapshot: snapshot(createAggregate()),
      reading: { ...reading, progress: { passed, expected } },
    });
  assertEquals(at(50, 200), { read: 0, share: 0.25 });
  assertEquals(at(0, 0), undefined);
});
