import { assertEquals } from "@std/assert";
import { add, createAggregate } from "../aggregate.ts";
import type { Figures, Reading } from "../figures.ts";
import { snapshot } from "../snapshot.ts";
import { eventsOf, type SampleOrder, sampleOrders } from "../testing.ts";
import { block, line } from "./display.ts";

const NOON_MS = Date.parse("2026-01-02T12:00:00.000Z");

const member: Reading = {
  source: "group",
  group: "analytics",
  partitions: 48,
  startedAt: "2026-01-02T11:59:00.000Z",
  notReady: null,
  undecodableMessages: 0,
};

function figuresOf(orders: readonly SampleOrder[], rest: Partial<Figures> = {}): Figures {
  const aggregate = createAggregate();
  for (const event of orders.flatMap(eventsOf)) add(aggregate, event);
  return { snapshot: snapshot(aggregate), reading: member, lag: null, ...rest };
}

const lag: Figures["lag"] = [
  {
    service: "validator",
    group: "validator",
    members: 1,
    lagMessages: 1_234,
    topics: [{ topic: "orders.raw", lagMessages: 1_234 }],
  },
  {
    service: "inventory",
    group: "inventory",
    members: 2,
    lagMessages: 120,
    topics: [
      { topic: "orders.validated", lagMessages: 120 },
      { topic: "orders.outcomes", lagMessages: 0 },
    ],
  },
];

/** 12,600 orders, 100 a second; placed in USD and EUR. */
const run = sampleOrders(12_600, NOON_MS, 10);

Deno.test("block: every figure with its unit and what it means", () => {
  const figures = figuresOf(run, { lag });
  assertEquals(block(figures, NOON_MS + 130_000).join("\n"), GOLDEN.trim());
});

Deno.test("line: the main figures", () => {
  assertEquals(line(figuresOf(run, { lag })), LINE);
});

Deno.test("block and line: before the first event no figure is invented", () => {
  const figures = figuresOf([], { reading: { ...member, notReady: "waiting for Kafka" } });
  assertEquals(line(figures), "no event so far");
  assertEquals(block(figures, NOON_MS).join("\n"), EMPTY.trim());
});

Deno.test("block: says that it counts the whole log, and what is odd", () => {
  const orders = run.slice(0, 1).map((order) => ({ ...order, latencyMs: -5 }));
  const reading: Reading = { ...member, source: "log", undecodableMessages: 7 };
  const lines = block(figuresOf(orders, { reading }), NOON_MS);
  assertEquals(lines[1], "counted: everything in the log, 48 partitions, in no consumer group");
  assertEquals(lines.slice(-2), [
    "notes       4 events are older than their order, says its clock: latency 0",
    "            7 messages were no events, and are left out",
  ]);
});

const GOLDEN = ``;
const LINE = "";
const EMPTY = ``;
