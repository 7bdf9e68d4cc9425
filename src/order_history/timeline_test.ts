import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LogRecord } from "../kafka/records.ts";
import {
  appendCopy,
  eventIn,
  type Fixture,
  orderId,
  partitionOf,
} from "../audit/testing/fixture.ts";
import { isByAnother } from "../audit/testing/other_services.ts";
import { createFixture, type Scenario } from "../audit/testing/scenarios.ts";
import { timelineLines } from "../commands/trace.ts";
import { type Found, matcher } from "./find.ts";
import { buildTimeline } from "./timeline.ts";

const PREFIX = "t.";

function found(fixture: Fixture, id: string): Found[] {
  const isOfOrder = matcher(id);
  return fixture.records.filter(isOfOrder).map((record) => ({
    topic: record.topic.slice(PREFIX.length) as Found["topic"],
    record,
  }));
}

function timelineOf(scenario: Scenario, mutate: (fixture: Fixture) => void = () => {}) {
  const fixture = createFixture([scenario]);
  // Of a service of your own a timeline has steps, too.
  fixture.records = fixture.records.filter((record) => !isByAnother(eventIn(record)));
  mutate(fixture);
  const id = orderId(0);
  return buildTimeline(id, { found: found(fixture, id), partition: partitionOf(0) }, []);
}

/** Everything of a fixture happens at the same moment. */
const SUMMARIES: Record<Scenario, RegExp> = {
  confirmed: /^confirmed after 0\.0 s; the stock was taken, 7\.00 EUR were charged\.$/,
  out_of_stock:
    /^cancelled after .* because of out_of_stock .*no stock was taken, 7\.00 EUR were refu/,
  card_declined: /^cancelled .* card_declined .*; the stock was released, nothing was charged\.$/,
  both_refused: /^cancelled .* out_of_stock .*; no stock was taken, nothing was charged\.$/,
  rejected: /^rejected .* unknown_customer .*; no stock was taken, nothing was charged\.$/,
  placed_twice:
    /^confirmed .*; a dead letter is open \(duplicate_order\): .* show validator 0@0` shows it\.$/,
  broken:
    /^not finished: the validator could not process it; a dead letter is open \(invalid_json\)/,
  broken_discarded:
    /^not finished: the validator could not process it; a dead letter of validator was discarded/,
  broken_replayed:
    /^not finished: .*; a dead letter is open \(invalid_json\): .* validator 0@2` shows it\.$/,
  failed_then_replayed: /^confirmed after .*$/,
  parked_then_replayed: /^confirmed after .*; the stock was taken, 7\.00 EUR were charged\.$/,
  half_replayed: /^confirmed after .*; the stock was taken, 7\.00 EUR were charged\.$/,
  release_parked:
    /^cancelled .*; the stock is NOT released, nothing was charged; a dead letter is open/,
  release_replayed: /^cancelled .*; the stock was released, nothing was charged\.$/,
  broken_inside:
    /^rejected .*; a dead letter is open \(invalid_json\): .* show payment 0@2` shows it\.$/,
  parked:
    /^not finished: inventory has not answered; .*: `deno task dlq show inventory 0@0` shows it\.$/,
};

for (const [scenario, conclusion] of Object.entries(SUMMARIES) as [Scenario, RegExp][]) {
  Deno.test(`buildTimeline: of an order that was ${scenario}`, () => {
    const told = timelineOf(scenario);
    assert(told);
    assertMatch(told.conclusion, conclusion);
    assert(told.steps.every((step) => step.text !== ""));
  });
}

Deno.test("buildTimeline: steps in the order of the flow, each with its place and words", () => {
  const told = timelineOf("card_declined")!;
  assertEquals(told.steps.map((s) => `${s.topic} ${s.partition}@${s.offset} ${s.event}`), [
    "orders.raw 0@0 OrderPlaced",
    "orders.validated 0@0 OrderValidated",
    "inventory.events 0@0 InventoryUpdated",
    "inventory.events 0@1 InventoryUpdated",
    "payment.events 0@0 PaymentFailed",
    "orders.outcomes 0@0 OrderCancelled",
  ]);
  assertMatch(
    told.steps[0]!.text,
    /^customer c-1 ordered 1 × p-1, 2 × p-2, 1 × p-1 for 7\.00 EUR$/,
  );
  assertMatch(told.steps[2]!.text, /^reserved 2 × p-1 \(999998 left\), 2 × p-2 \(999998 left\)$/);
});

Deno.test("buildTimeline: an outcome whose undoing is missing says so", () => {
  const without = (type: string) => (fixture: Fixture) => {
    const text = new TextDecoder();
    const isIt = ({ value }: LogRecord) => value !== null && text.decode(value).includes(type);
    fixture.records = fixture.records.filter((record) => !isIt(record));
  };
  const leak = timelineOf("card_declined", without('"released"'))!;
  assertMatch(leak.conclusion, /the stock is NOT released/);
  const kept = timelineOf("out_of_stock", without("PaymentRefunded"))!;
  assertMatch(kept.conclusion, /7\.00 EUR are NOT refunded/);
});

Deno.test("buildTimeline: marks a misrouted message and a second copy", () => {
  const told = timelineOf("confirmed", (fixture) => {
    const copy = appendCopy(fixture, fixture.records[0]!);
    fixture.records[fixture.records.indexOf(copy)] = { ...copy, partition: 2, timestamp: Infinity };
  })!;
  assertMatch(told.steps.at(-1)!.text, /\(in partition \d; its key belongs to 0; again\)$/);
});

Deno.test("buildTimeline: without a readable order, times are counted from its first message", () => {
  const told = timelineOf("broken", (fixture) => {
    for (const [index, record] of fixture.records.entries()) {
      const headers = { ...record.headers };
      if ("dlq-time" in headers) headers["dlq-time"] = "2026-01-01T00:00:01.500Z";
      fixture.records[index] = { ...record, headers };
    }
  })!;
  assertEquals(told.placedAt, null);
  assertEquals(told.steps.map((step) => step.sinceMs), [0, 1_500]);
  assertMatch(timelineLines(told)[0]!, /, when it was placed cannot be read$/);
});

Deno.test("buildTimeline: nothing found is no timeline", () => {
  assertEquals(buildTimeline("x", { found: [], partition: 0 }, []), undefined);
});

Deno.test("timelineLines: what came from outside cannot reach the terminal raw", () => {
  const told = timelineOf("confirmed")!;
  const steps = [{ ...told.steps[0]!, text: "\u001b[2J gone" }];
  const rows = [{ table: "payment.payments", row: { detail: "\u001b[2J" } }];
  const lines = timelineLines({ ...told, steps, rows, conclusion: "\u001b[2J" });
  assert(lines.every((line) => !line.includes("\u001b")));
});

Deno.test("buildTimeline: times are counted from when the order was placed", () => {
  const told = timelineOf("confirmed", (fixture) => {
    for (const [index, record] of fixture.records.entries()) {
      const text = new TextDecoder().decode(record.value!);
      const at = `2026-01-01T00:00:0${index}.250Z`;
      const later = index === 0
        ? text
        : text.replace(/"occurredAt":"[^"]*"/, `"occurredAt":"${at}"`);
      fixture.records[index] = { ...record, value: new TextEncoder().encode(later) };
    }
  })!;
  assertEquals(told.steps.map((step) => step.sinceMs), [0, 1_250, 2_250, 3_250, 4_250]);
  assertMatch(told.conclusion, /^confirmed after 4\.3 s/);
  const line = timelineLines(told).find((text) => text.includes("payment.events"))!;
  assertMatch(
    line,
    /^ {3}\+3\.250 s {2}payment\.events {4}0@0 {2}PaymentProcessed {2}charged 7\.00 EUR/,
  );
});

Deno.test("matcher: finds by key or by id in the value, and not a longer id", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const isOfOrder = matcher("r1-1");
  const cases: [string | null, string | null, boolean][] = [
    ["r1-1", null, true],
    ["r1-12", null, false],
    [null, '{"orderId":"r1-1"}', true],
    [null, '{"orderId":"r1-12"}', false],
    ["other", '{"eventId":"r1-1/OrderPlaced"}', false],
    [null, null, false],
  ];
  for (const [key, value, expected] of cases) {
    const record = {
      key: key === null ? null : bytes(key),
      value: value === null ? null : bytes(value),
    };
    assertEquals(isOfOrder(record), expected, `${key} ${value}`);
  }
});
