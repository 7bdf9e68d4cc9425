import { assert, assertEquals } from "@std/assert";
import type { OrderEvent } from "../../events/schemas.ts";
import { createClocks } from "./clocks.ts";
import { factOf } from "./facts/fact.ts";
import { eventsOf } from "./testing/orders.ts";

const NOW_MS = Date.parse("2026-01-02T12:00:00.000Z");
const HOUR_MS = 3_600_000;

function setUp() {
  const lines: string[] = [];
  const note = (line: unknown) => void lines.push(String(line));
  const clocks = createClocks({ warn: note, info: note } as Parameters<typeof createClocks>[0]);
  return { clocks, lines };
}

/** Orders placed and settled just before now, as their services write them. */
function orders(count: number): OrderEvent[] {
  return Array.from({ length: count }, (_, sequence) =>
    eventsOf({
      sequence,
      placedAtMs: NOW_MS - 500,
      latencyMs: 400,
      totalCents: 100,
      currency: "EUR",
      scenario: "confirmed",
    })).flat();
}

const later = (time: string, ms: number) => new Date(Date.parse(time) + ms).toISOString();

/** What one process would have written with its clock so far ahead. */
function withClock(
  events: readonly OrderEvent[],
  who: "simulator" | RegExp,
  aheadMs: number,
): OrderEvent[] {
  return events.map((event) => {
    if (event.type === "OrderPlaced") return event;
    if (who === "simulator") return { ...event, placedAt: later(event.placedAt, aheadMs) };
    if (!who.test(event.type)) return event;
    return { ...event, occurredAt: later(event.occurredAt, aheadMs) };
  });
}

const CASES: readonly [
  what: string,
  who: Parameters<typeof withClock>[1],
  aheadMs: number,
  blamed: readonly string[],
][] = [
  ["no clock", /Nobody/, 0, []],
  ["clocks that differ by two seconds", /Validated/, 2_000, []],
  ["the simulator's, ahead", "simulator", HOUR_MS, ["simulator"]],
  ["the validator's, ahead", /Validated/, HOUR_MS, ["validator"]],
  ["inventory's, ahead", /^Inventory/, HOUR_MS, ["inventory"]],
  ["the payment service's, ahead", /^Payment/, HOUR_MS, ["payment"]],
  ["the validator's, behind", /Validated/, -HOUR_MS, ["validator"]],
  ["fulfillment's, behind", /^OrderConfirmed/, -HOUR_MS, ["fulfillment"]],
];

for (const [what, who, aheadMs, blamed] of CASES) {
  Deno.test(`clocks: ${what}: ${blamed.length === 0 ? "none is blamed" : "blamed, once"}`, () => {
    const { clocks, lines } = setUp();
    for (const event of withClock(orders(10), who, aheadMs)) clocks.note([factOf(event)], NOW_MS);
    const found = [...clocks.off(NOW_MS)];
    assertEquals(found.map(([writer]) => writer), blamed);
    for (const [, offMs] of found) assert(Math.abs(offMs - aheadMs) < 1_000, `${offMs} ms`);
    assertEquals(lines.length, blamed.length);
  });
}

Deno.test("clocks: says whose, by how much, and compared to what; and when it is over", () => {
  const { clocks, lines } = setUp();
  clocks.note(withClock(orders(5), /Validated/, -HOUR_MS).map(factOf), NOW_MS);
  clocks.note(withClock(orders(5), "simulator", HOUR_MS).map(factOf), NOW_MS);
  clocks.note([], NOW_MS + 60_001);
  assertEquals(lines.map((line) => line.replace(/:.*/, "")), [
    "the clock of the validator is 3600 s behind the simulator's",
    "the clock of the simulator is 3600 s ahead of this process's",
    "the clock of the validator is no longer seen to be off",
    "the clock of the simulator is no longer seen to be off",
  ]);
  assertEquals(clocks.off(NOW_MS + 60_001).size, 0);
});

Deno.test("clocks: one order of a strange time, and old events, blame none", () => {
  const { clocks, lines } = setUp();
  clocks.note(withClock(orders(1).slice(0, 2), "simulator", HOUR_MS).map(factOf), NOW_MS);
  clocks.note(withClock(orders(10), /Validated/, -HOUR_MS).map(factOf), NOW_MS + 2 * HOUR_MS);
  assertEquals(lines, []);
});
