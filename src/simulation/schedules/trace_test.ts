import { assertEquals } from "@std/assert";
import { partitionForKey } from "../../kafka/producer/partitioning.ts";
import type { Result, TraceLine } from "../result.ts";
import { describeShape, faultLines, relevantLines, traceLines, violationLines } from "./trace.ts";

const ORDER = "run-7";
const own = partitionForKey(ORDER, 2);

const result: Result = {
  seed: 17,
  shape: {
    brokers: 3,
    partitions: 2,
    replicas: 1,
    orders: 20,
    maxBatch: 3,
    guarantee: "exactly_once",
    placedForMs: 15_000,
    horizonMs: 30_000,
  },
  faults: [{ kind: "replica killed", atMs: 2_140, replica: "payment-1", forMs: 500 }],
  violations: [{ promise: "G2", what: "PaymentProcessed is published twice", orders: [ORDER] }],
  met: new Map(),
  endedMs: 40_000,
  orders: 20,
  trace: [
    { atMs: 1, text: `payment-1 → 2  Fetch orders.validated/${own}@3` },
    { atMs: 2, text: `payment-1 → 2  EndTxn payment-orders.validated-${own} commit` },
    { atMs: 3, text: `payment-1 → 2  EndTxn payment-orders.validated-${1 - own} commit` },
    { atMs: 2_140, text: "payment-1 is killed", isFault: true },
    { atMs: 2_141.25, text: `${ORDER} is charged` },
  ],
};

Deno.test("describeShape: one line", () => {
  assertEquals(
    describeShape(result.shape),
    "3 brokers, 2 partitions, 1 replica of each service, 20 orders within 15 s, at most 3 messages " +
      "in a transaction, exactly once",
  );
});

Deno.test("faultLines, violationLines: what happened, and what it broke", () => {
  assertEquals(faultLines(result.faults), [
    "    2,140 ms  payment-1 is killed, and started again after 500 ms",
  ]);
  assertEquals(faultLines([]), ["  no faults"]);
  assertEquals(violationLines(result), ["  G2  PaymentProcessed is published twice (run-7)"]);
});

Deno.test("traceLines: all, in columns; faults and what is about the violation are marked", () => {
  assertEquals(traceLines(result), [
    `        1.0  payment-1     → 2  Fetch orders.validated/${own}@3`,
    `*       2.0  payment-1     → 2  EndTxn payment-orders.validated-${own} commit`,
    `        3.0  payment-1     → 2  EndTxn payment-orders.validated-${1 - own} commit`,
    "!   2,140.0  payment-1 is killed",
    "*   2,141.3  run-7 is charged",
  ]);
});

Deno.test("relevantLines: only those, and the last of many", () => {
  assertEquals(relevantLines(result).length, 3);
  const trace = Array<TraceLine>(100).fill(result.trace[4]!);
  const lines = relevantLines({ ...result, trace });
  assertEquals([lines[0], lines.length], ["  … 40 lines before: --trace shows all", 61]);
});

Deno.test("relevantLines: without an order everything is", () => {
  const violations = [{ promise: "error", what: "TypeError", orders: [] }];
  assertEquals(relevantLines({ ...result, violations }).length, result.trace.length);
});
