import { assertEquals } from "@std/assert";
import { DEAD_LETTER_HEADERS } from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";
import { LatencyHistogram } from "../services/analytics/histogram.ts";
import { figureLines, figuresOf } from "./figures.ts";
import { createTally } from "./tally.ts";

Deno.test("figures: the dead letters of every service, by service and reason", () => {
  const counter = createTally();
  const deadLetter = (reason: string) => {
    const headers = { [DEAD_LETTER_HEADERS.topic]: "t", [DEAD_LETTER_HEADERS.reason]: reason };
    return { headers } as unknown as LogRecord;
  };
  const resolution = { headers: {} } as unknown as LogRecord;
  counter.addDeadLetters("payment", [deadLetter("processing_failed"), resolution]);
  counter.addDeadLetters("validator", ["a", "b", "b", "duplicate_order"].map(deadLetter));
  const phase = {
    name: "",
    placing: { acknowledged: 3, longestStallMs: 0 },
    tally: counter.tally,
  };
  const lines = figureLines(figuresOf([phase]));
  assertEquals(
    lines.at(-1),
    "dead letters         5           validator 4 (b 2, a 1, duplicate_order 1), " +
      "payment 1 (processing_failed 1)",
  );
  assertEquals(
    figureLines(figuresOf([{ ...phase, name: "One" }, { ...phase, name: "Two" }]))
      .filter((line) => /^\w.*:$|^dead/.test(line)),
    [
      "One:",
      "Two:",
      "In all:",
      "dead letters        10           validator 8 (b 4, a 2, duplicate_order 2), " +
      "payment 2 (processing_failed 2)",
    ],
  );
  // An order that a later service could not process is still open, and so is not settled.
  assertEquals(counter.tally.settled, 3);
});

Deno.test("figuresOf: of orders in two phases, for programs and in words", () => {
  const latency = new LatencyHistogram();
  latency.add(20);
  const tally = {
    settled: 3,
    outcomes: new Map([
      ["OrderConfirmed", new Map([["", 1]])],
      ["OrderCancelled", new Map([["out_of_stock", 2]])],
    ]),
    deadLetters: new Map([["payment", new Map()]]),
    ...{ latency, firstPlacedAtMs: 1_000, lastPlacedAtMs: 1_000, lastOutcomeAtMs: 3_000 },
    examples: new Map(),
  };
  const phase = { name: "One", placing: { acknowledged: 4, longestStallMs: 250 }, tally };
  const found = figuresOf([phase, { ...phase, name: "Two" }]);
  const one = {
    name: "One",
    placed: { orders: 4, seconds: 0, perSecond: null },
    settled: { orders: 3, seconds: 2, perSecond: 1.5 },
    latencyMs: { p50: 20, p95: 20, p99: 20 },
    longestStallMs: 250,
  };
  assertEquals(JSON.parse(JSON.stringify(found)), {
    phases: [one, { ...one, name: "Two" }],
    settled: 6,
    outcomes: {
      confirmed: { orders: 2, reasons: {} },
      cancelled: { orders: 4, reasons: { out_of_stock: 4 } },
      rejected: { orders: 0, reasons: {} },
    },
    deadLetters: {},
  });
  const speed = [
    "placed               4 orders in 0.0 s: – orders/s",
    "settled              3 orders in 2.0 s: 2 orders/s",
    "latency      from placed to outcome: p50 0.02 s, p95 0.02 s, p99 0.02 s",
    "stall        at most 0.3 s without an outcome while orders were open",
  ];
  assertEquals(figureLines(found), [
    ...["One:", ...speed, "Two:", ...speed, "In all:"],
    "confirmed            2  33.3 %",
    "cancelled            4  66.7 %   out_of_stock 4",
    "rejected             0   0.0 %",
    "dead letters         0",
  ]);
});
