/** What can go wrong with dead letters, and with messages that are no events. */
import { type Case, N } from "./case.ts";
import { appendCopy, appendRecord, bury, eventIn, eventsOf, judge, partitionOf } from "./world.ts";

export const LETTER_CASES: readonly Case[] = [
  {
    name: "a broken message without a dead letter",
    spoil: (world) => appendRecord(world, "orders.raw", 1, "broken-1", new Uint8Array([0xff])),
    fails: ["messages"],
    who: "broken-1",
  },
  {
    name: "a broken message with two dead letters",
    spoil: (world) => {
      const raw = world.records.find((record) =>
        record.topic === "t.orders.raw" && record.partition === partitionOf(N.broken) &&
        eventIn(record) === undefined
      )!;
      bury(world, "validator", raw, "invalid_json");
    },
    fails: ["letters"],
    // What has letters is its offset; the letter names it.
    who: "t.dlq.validator 0@",
  },
  {
    name: "an order whose only message is called a duplicate",
    spoil: (world) => {
      const raw = appendRecord(world, "orders.raw", 0, "only", new TextEncoder().encode("{"));
      bury(world, "validator", raw, "duplicate_order");
    },
    fails: ["messages"],
    who: "only",
  },
  {
    name: "something that is no event on an inner topic",
    spoil: (world) =>
      appendRecord(world, "payment.events", 0, "o-1", new TextEncoder().encode("{}")),
    fails: ["readable"],
    who: "o-1",
  },
  {
    name: "a dead letter for a message that was never there",
    spoil: (world) => {
      const raw = eventsOf(world, N.confirmed, "OrderPlaced")[0]!;
      bury(world, "validator", { ...raw, offset: 999 }, "processing_failed");
    },
    fails: ["letters"],
    who: `t.orders.raw ${partitionOf(N.confirmed)}@999`,
  },
  {
    name: "a dead letter that calls a good order broken",
    spoil: (world) => {
      const raw = appendCopy(world, eventsOf(world, N.confirmed, "OrderPlaced")[0]!);
      bury(world, "validator", raw, "invalid_json");
    },
    fails: ["letters"],
    who: "t.dlq.validator 0@",
  },
  {
    name: "a letter replayed, and nothing arrived",
    spoil: (world) => {
      const raw = appendRecord(world, "orders.raw", 0, "gone", new TextEncoder().encode("{"));
      judge(world, bury(world, "validator", raw, "invalid_json"), "replayed");
    },
    fails: ["replays"],
    who: "t.dlq.validator 0@",
  },
  {
    name: "a letter replayed twice",
    spoil: (world) => {
      const replay = world.records.find((record) => "replayed-from" in record.headers)!;
      const copy = appendCopy(world, replay);
      bury(world, "validator", copy, "duplicate_order");
    },
    fails: ["replays"],
    who: "t.orders.raw",
  },
];
