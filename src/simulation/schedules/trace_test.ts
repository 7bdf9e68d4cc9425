import { assertEquals } from "@std/assert";
import { partitionForKey } from "../../kafka/producer/partitioning.ts";
import { PROCESSORS } from "../../topology.ts";
import type { Result, TraceLine } from "../result.ts";
import { describeShape, faultLines, relevantLines, traceLines, violationLines } from "./trace.ts";

const ORDER = "run-7";
const own = partitionForKey(ORDER, 2);

const result: Result = {
  seed: 17,
  shape: {
    services: PROCESSORS,
    brokers: 3,
    partitions: 2,
    replicas: 1,
    orders: 20,
    maxBatch: 3,
    guarantee: "exactly_once",
    transactionTimeoutMs: 60_000,
    placedForMs: 15_000,
    horizonMs: 30_000,
  },
  faults: [{ kind: "replica killed", atMs: 2_140, replica: "payment-1", forMs: 500 }],
  violations: [{
    promise: "G2",
    what: "run-7: PaymentProcessed is published twice",
    orders: [ORDER],
  }],
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
      "in a transaction, which may last 60 s, exactly once",
  );
});

Deno.test("faultLines, violationLines: what happened, and what it broke", () => {
  assertEquals(faultLines(result.faults), [
    "    2,140 ms  payment-1 is killed, and started again after 500 ms",
  ]);
  assertEquals(faultLines([]), ["  no faults"]);
  assertEquals(violationLines(result), ["  G2  run-7: PaymentProcessed is published twice"]);
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

Deno.test("relevantLines: only those and their answers, around faults and at the end", () => {
  assertEquals(
    relevantLines(result),
    [traceLines(result)[1], ...traceLines(result).slice(3)]
      .map((line) => line!.replace(/^\*/, " ")),
  );
  const answer = { atMs: 2.5, text: "payment-1 ← 2  EndTxn: done" };
  const answered = { ...result, trace: result.trace.toSpliced(2, 0, answer, answer) };
  assertEquals(relevantLines(answered).filter((line) => line.includes("done")).length, 1);
  const [, , , fault, line] = result.trace as TraceLine[];
  const many = Array<TraceLine>(100).fill(line!);
  const lines = relevantLines({ ...result, trace: [...many, fault!, ...many] });
  assertEquals(lines[0], "  … 96 lines: --trace shows all");
  assertEquals(lines[5], "!   2,140.0  payment-1 is killed");
  assertEquals(lines[14], "  … 72 lines: --trace shows all");
  assertEquals(lines.length, 1 + 13 + 1 + 20);
});

Deno.test("relevantLines: without an order everything but noise is", () => {
  const violations = [{ promise: "error", what: "TypeError", orders: [] }];
  assertEquals(relevantLines({ ...result, violations }).length, result.trace.length - 1);
});

Deno.test("violationLines: of a stack only our own frames; not too many", () => {
  const what = [
    "TypeError: a bug",
    "    at async endOfEpoch (file:///x/src/kafka/log_watch/log_states.ts:111:38)",
    "    at file:///x/src/simulation/time.ts:1:2",
    "    at drainTicks (ext:core/01_core.js:427:7)",
  ].join("\n");
  const violation = { promise: "error", what, orders: [] };
  assertEquals(violationLines({ violations: [violation] }), [
    "  error  TypeError: a bug",
    "         at endOfEpoch src/kafka/log_watch/log_states.ts:111:38",
  ]);
  const lines = violationLines({ violations: Array(20).fill({ ...violation, what: "x" }) });
  assertEquals([lines.length, lines.at(-1)], [13, "  and 8 more"]);
});
