/**
 * Schedules that failed once, and must not again. Each is kept as what was left of it, with a word on what
 * it found. A seed alone is no memory: another kind of fault, and it means another schedule.
 */
import type { Fault } from "../faults/faults.ts";
import type { RunOptions } from "./explain.ts";

export interface KeptSeed {
  readonly seed: number;
  /** What was wrong, in one line. */
  readonly found: string;
  readonly options: RunOptions;
  readonly faults: readonly Fault[];
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 5019,
    found: "a clock that was set back stopped the heartbeats of a member that worked on",
    options: { orders: 20, run: "pipeline" },
    faults: [
      { kind: "clock jumps", atMs: 6865, replica: "payment-1", byMs: -494665 },
      { kind: "answer lost", atMs: 31979, api: "Produce", count: 1 },
    ],
  },
  {
    seed: 5060,
    found: "a Metadata request without an answer ended the service as a bug",
    options: { orders: 20, run: "pipeline" },
    faults: [
      { kind: "request lost", atMs: 845, api: "Metadata", count: 1 },
      { kind: "connection closed", atMs: 948, api: "TxnOffsetCommit", count: 1 },
    ],
  },
  {
    seed: 5079,
    found: "an OffsetForLeaderEpoch without an answer ended the service as a bug",
    options: { orders: 20, run: "pipeline" },
    faults: [
      { kind: "answer lost", atMs: 860, api: "OffsetForLeaderEpoch", count: 1 },
    ],
  },
  {
    seed: 7001151,
    found: "at least once, a member that had been replaced took the tables back from its successor",
    options: { orders: 20, run: "pipeline" },
    faults: [
      { kind: "broker frozen", atMs: 5728, node: 2, forMs: 12423 },
      { kind: "replica killed", atMs: 6867, replica: "fulfillment-2", forMs: 1140 },
      { kind: "replica killed", atMs: 8006, replica: "validator-3", forMs: 895 },
      { kind: "replica killed", atMs: 9145, replica: "payment-3", forMs: 96 },
      { kind: "replica killed", atMs: 11423, replica: "validator-3", forMs: 1140 },
      { kind: "replica killed", atMs: 12563, replica: "validator-2", forMs: 345 },
    ],
  },
  {
    seed: 1795807354728,
    found: "a member that was fenced after its own fence put the tables back from under the owner",
    options: { orders: 20, run: "pipeline" },
    faults: [
      { kind: "partitions added", atMs: 4804, partitions: 4 },
      { kind: "replica slow", atMs: 14381, from: "inventory", byMs: 1466, forMs: 903 },
      { kind: "broker frozen", atMs: 15479, node: 1, forMs: 18280 },
      {
        kind: "frozen in a request",
        atMs: 22975,
        api: "TxnOffsetCommit",
        from: "validator-2",
        count: 1,
        forMs: 57,
      },
      {
        kind: "frozen in a request",
        atMs: 24398,
        api: "EndTxn",
        from: "validator-2",
        count: 1,
        forMs: 15602,
        until: "InitProducerId",
      },
      { kind: "replica slow", atMs: 26232, from: "payment-1", byMs: 528, forMs: 9783 },
      { kind: "request lost", atMs: 27115, api: "OffsetFetch", from: "payment", count: 3 },
    ],
  },
  {
    seed: 1795809377771,
    found: "a clock that was set back kept the breaker of the payment gateway open",
    options: { orders: 20, run: "pipeline" },
    faults: [
      { kind: "gateway silent", atMs: 1857, forMs: 100 },
      { kind: "gateway silent", atMs: 15230, forMs: 2100 },
      { kind: "clock jumps", atMs: 18357, replica: "payment-2", byMs: -332000 },
    ],
  },
  {
    seed: 1254,
    found:
      "without tables, a log that an old leader knew the end of was taken for one that was cut",
    options: { orders: 20, run: "copier" },
    faults: [
      {
        kind: "zone cut off",
        atMs: 2543,
        node: 3,
        others: [1, 2],
        replicas: ["copier-2"],
        forMs: 33490,
      },
      {
        kind: "rolling restart",
        atMs: 23107,
        replicas: ["copier-1", "copier-2", "copier-3"],
        forMs: 80,
      },
      {
        kind: "rolling restart",
        atMs: 25999,
        replicas: ["copier-1", "copier-2", "copier-3"],
        forMs: 91,
      },
    ],
  },
];
