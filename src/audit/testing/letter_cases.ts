/** What can go wrong with dead letters, and with messages that are no events. */
import type { LogRecord } from "../../kafka/records.ts";
import { PROCESSORS, topicsReadBy } from "../../topology.ts";
import { type Case, drop, N } from "./case.ts";
import {
  append,
  appendCopy,
  appendRecord,
  bury,
  eventIn,
  eventsOf,
  judge,
  orderId,
  partitionOf,
  type World,
} from "./world.ts";

/** The first dead letter about an order. */
function letterOf(world: World, n: number): LogRecord {
  return world.records.find(({ topic, key, headers }) =>
    topic.startsWith("t.dlq.") && "dlq-source-topic" in headers &&
    new TextDecoder().decode(key!) === orderId(n)
  )!;
}

/** Changes the headers of a record; null takes one away. */
function relabel(world: World, record: LogRecord, change: Record<string, string | null>): void {
  const headers = Object.entries({ ...record.headers, ...change }).filter(([, value]) =>
    value !== null
  );
  world.records[world.records.indexOf(record)] = {
    ...record,
    headers: Object.fromEntries(headers) as Record<string, string>,
  };
}

const NEITHER: readonly Record<string, string>[] = [
  { "dlq-verdict": "forgotten", "dlq-letter-partition": "0", "dlq-letter-offset": "0" },
  { "dlq-verdict": "discarded", "dlq-letter-offset": "0" },
  { "dlq-verdict": "discarded", "dlq-letter-partition": "0" },
  {},
];

const FROM_NOWHERE: readonly Record<string, string>[] = [
  { "dlq-source-topic": "t.orders.none" },
  { "dlq-source-topic": "orders.raw" },
  { "dlq-source-partition": "one" },
  { "dlq-source-offset": "one" },
];

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
    says: /^is a second dead letter for t\.orders\.raw \d@\d+$/,
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
  ...NEITHER.map((headers): Case => ({
    name: `something else among the dead letters: ${JSON.stringify(headers)}`,
    spoil: (world) => append(world, "t.dlq.payment", 0, { key: null, value: null, headers }),
    fails: ["letters"],
    who: "t.dlq.payment 0@",
    says: /^is neither a dead letter nor a verdict on one$/,
  })),
  {
    name: "a verdict on a letter that is not there",
    spoil: (world) => judge(world, { ...letterOf(world, N.broken), offset: 999 }, "discarded"),
    fails: ["letters"],
    who: "t.dlq.validator 0@999",
    says: /^has a verdict, but is no letter$/,
  },
  {
    name: "a letter discarded twice",
    spoil: (world) => judge(world, letterOf(world, N.broken_discarded), "discarded"),
    fails: ["replays"],
    who: "t.dlq.validator 0@",
    says: /^has two verdicts$/,
  },
  ...FROM_NOWHERE.map((headers): Case => ({
    name: `a letter from nowhere: ${JSON.stringify(headers)}`,
    spoil: (world) => relabel(world, letterOf(world, N.broken), headers),
    fails: ["letters", "messages"],
    who: "t.dlq.validator 0@",
    says: /^says that it came from /,
  })),
  {
    name: "a letter without its source's partition",
    spoil: (world) => relabel(world, letterOf(world, N.broken), { "dlq-source-partition": null }),
    fails: ["letters", "messages"],
    who: "t.dlq.validator 0@",
    says: /^says that it came from t\.orders\.raw NaN@\d+$/,
  },
  {
    name: "a letter with a reason that there is not",
    spoil: (world) => relabel(world, letterOf(world, N.broken), { "dlq-reason": "bad_luck" }),
    fails: ["letters"],
    who: "t.dlq.validator 0@",
    says: /^says a reason that there is not: "bad_luck"$/,
  },
  {
    name: "a letter without a reason",
    spoil: (world) => relabel(world, letterOf(world, N.broken), { "dlq-reason": null }),
    fails: ["letters"],
    who: "t.dlq.validator 0@",
    says: /^says a reason that there is not: ""$/,
  },
  {
    name: "a second letter about one message, by the same service",
    spoil: (world) => appendCopy(world, letterOf(world, N.parked)),
    fails: ["letters"],
    who: "t.dlq.inventory 0@",
    says: /^is a second dead letter for t\.orders\.validated \d@\d+$/,
  },
  {
    name: "a letter by a service that does not read the topic",
    spoil: (world) =>
      bury(
        world,
        "validator",
        eventsOf(world, N.confirmed, "OrderConfirmed")[0]!,
        "processing_failed",
      ),
    fails: ["letters"],
    who: "t.orders.outcomes 0@",
    says: /^is not in the log, but dlq\.validator has a letter for it$/,
  },
  {
    name: "a message that claims to be a letter that is open",
    spoil(world) {
      const { topic, offset } = letterOf(world, N.parked);
      const [validated] = eventsOf(world, N.parked, "OrderValidated");
      const headers = { "replayed-from": `${topic} 0@${offset}` };
      appendCopy(world, { ...validated!, headers });
    },
    fails: ["replays", "twice"],
    who: "t.orders.validated ",
    says: /^claims to be letter t\.dlq\.inventory 0@\d+, which was not replayed, or has arrived/,
  },
  {
    name: "a message that claims to be some letter",
    spoil(world) {
      const [validated] = eventsOf(world, N.confirmed, "OrderValidated");
      appendCopy(world, { ...validated!, headers: { "replayed-from": "a letter" } });
    },
    fails: ["replays", "twice"],
    who: "t.orders.validated ",
    says: /^claims to be letter a letter, which was not replayed, or has arrived/,
  },
  {
    name: "a replay of an event that was never there",
    spoil: (world) => drop(world, eventsOf(world, N.parked_then_replayed, "OrderValidated")[0]),
    fails: ["replays"],
    who: orderId(N.parked_then_replayed),
    says: /^t\.orders\.validated \d@\d+ is a replay of OrderValidated, which was never there$/,
  },
  {
    name: "a message that is no event, and one of its readers has no letter for it",
    spoil: (world) => {
      const raw = appendRecord(world, "orders.validated", 0, "o-2", new Uint8Array([0xff]));
      for (const service of PROCESSORS) {
        const reads = topicsReadBy(service).includes("orders.validated");
        if (reads && service !== "payment") bury(world, service, raw, "invalid_json");
      }
    },
    fails: ["readable", "ahead"],
    who: "o-2",
    says: /is no OrderValidated \(invalid_utf8: .*\), and payment has no dead letter for it$/,
  },
  {
    name: "a message without a key that is no event, and is not read again",
    spoil: (world) => appendRecord(world, "orders.raw", 2, null, new Uint8Array([0xff])),
    fails: ["ahead"],
    who: "t.orders.raw 2@",
    says: /^validator has committed \d+, past t\.orders\.raw 2@\d+, and did not answer it$/,
  },
];
