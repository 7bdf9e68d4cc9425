/** What can go wrong with dead letters, and with messages that are no events. */
import type { LogRecord } from "../../kafka/records.ts";
import { PROCESSORS, topicsReadBy } from "../../topology.ts";
import { type Case, drop, N } from "./case.ts";
import {
  addDeadLetter,
  addResolution,
  append,
  appendCopy,
  appendRecord,
  eventIn,
  eventsOf,
  type Fixture,
  orderId,
  partitionOf,
} from "./fixture.ts";

/** The first dead letter about an order. */
function deadLetterOf(fixture: Fixture, n: number): LogRecord {
  return fixture.records.find(({ topic, key, headers }) =>
    topic.startsWith("t.dlq.") && "dlq-source-topic" in headers &&
    new TextDecoder().decode(key!) === orderId(n)
  )!;
}

/** Changes the headers of a record; null takes one away. */
function relabel(fixture: Fixture, record: LogRecord, change: Record<string, string | null>): void {
  const headers = Object.entries({ ...record.headers, ...change }).filter(([, value]) =>
    value !== null
  );
  fixture.records[fixture.records.indexOf(record)] = {
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

export const DEAD_LETTER_CASES: readonly Case[] = [
  {
    name: "a broken message without a dead letter",
    mutate: (fixture) => appendRecord(fixture, "orders.raw", 1, "broken-1", new Uint8Array([0xff])),
    fails: ["messages"],
    who: "broken-1",
  },
  {
    name: "a broken message with two dead letters",
    mutate: (fixture) => {
      const raw = fixture.records.find((record) =>
        record.topic === "t.orders.raw" && record.partition === partitionOf(N.broken) &&
        eventIn(record) === undefined
      )!;
      addDeadLetter(fixture, "validator", raw, "invalid_json");
    },
    fails: ["deadLetters"],
    // What has dead letters is its offset; the dead letter names it.
    who: "dlq.validator 0@",
    says: /^is a second dead letter for orders\.raw \d@\d+$/,
  },
  {
    name: "an order whose only message is called a duplicate",
    mutate: (fixture) => {
      const raw = appendRecord(fixture, "orders.raw", 0, "only", new TextEncoder().encode("{"));
      addDeadLetter(fixture, "validator", raw, "duplicate_order");
    },
    fails: ["messages"],
    who: "only",
  },
  {
    name: "something that is no event on an inner topic",
    mutate: (fixture) =>
      appendRecord(fixture, "payment.events", 0, "o-1", new TextEncoder().encode("{}")),
    fails: ["readable"],
    who: "o-1",
  },
  {
    name: "a dead letter for a message that was never there",
    mutate: (fixture) => {
      const raw = eventsOf(fixture, N.confirmed, "OrderPlaced")[0]!;
      addDeadLetter(fixture, "validator", { ...raw, offset: 999 }, "processing_failed");
    },
    fails: ["deadLetters"],
    who: `orders.raw ${partitionOf(N.confirmed)}@999`,
  },
  {
    name: "a dead letter that calls a good order broken",
    mutate: (fixture) => {
      const raw = appendCopy(fixture, eventsOf(fixture, N.confirmed, "OrderPlaced")[0]!);
      addDeadLetter(fixture, "validator", raw, "invalid_json");
    },
    fails: ["deadLetters"],
    who: "dlq.validator 0@",
  },
  {
    name: "a dead letter replayed, and nothing arrived",
    mutate: (fixture) => {
      const raw = appendRecord(fixture, "orders.raw", 0, "gone", new TextEncoder().encode("{"));
      addResolution(fixture, addDeadLetter(fixture, "validator", raw, "invalid_json"), "replayed");
    },
    fails: ["replays"],
    who: "dlq.validator 0@",
  },
  {
    name: "a dead letter replayed twice",
    mutate: (fixture) => {
      const replay = fixture.records.find((record) => "replayed-from" in record.headers)!;
      const copy = appendCopy(fixture, replay);
      addDeadLetter(fixture, "validator", copy, "duplicate_order");
    },
    fails: ["replays"],
    who: "orders.raw",
  },
  ...NEITHER.map((headers): Case => ({
    name: `something else among the dead letters: ${JSON.stringify(headers)}`,
    mutate: (fixture) => append(fixture, "t.dlq.payment", 0, { key: null, value: null, headers }),
    fails: ["deadLetters"],
    who: "dlq.payment 0@",
    says: /^is neither a dead letter nor a resolution on one$/,
  })),
  {
    name: "a resolution on a dead letter that is not there",
    mutate: (fixture) =>
      addResolution(fixture, { ...deadLetterOf(fixture, N.broken), offset: 999 }, "discarded"),
    fails: ["deadLetters"],
    who: "dlq.validator 0@999",
    says: /^has a resolution, but is no dead letter$/,
  },
  {
    name: "a dead letter discarded twice",
    mutate: (fixture) =>
      addResolution(fixture, deadLetterOf(fixture, N.broken_discarded), "discarded"),
    fails: ["replays"],
    who: "dlq.validator 0@",
    says: /^has two resolutions$/,
  },
  ...FROM_NOWHERE.map((headers): Case => ({
    name: `a dead letter from nowhere: ${JSON.stringify(headers)}`,
    mutate: (fixture) => relabel(fixture, deadLetterOf(fixture, N.broken), headers),
    fails: ["deadLetters", "messages"],
    who: "dlq.validator 0@",
    says: /^says that it came from /,
  })),
  {
    name: "a dead letter without its source's partition",
    mutate: (fixture) =>
      relabel(fixture, deadLetterOf(fixture, N.broken), { "dlq-source-partition": null }),
    fails: ["deadLetters", "messages"],
    who: "dlq.validator 0@",
    says: /^says that it came from t\.orders\.raw undefined@\d+$/,
  },
  {
    name: "a dead letter with a reason that there is not",
    mutate: (fixture) =>
      relabel(fixture, deadLetterOf(fixture, N.broken), { "dlq-reason": "bad_luck" }),
    fails: ["deadLetters"],
    who: "dlq.validator 0@",
    says: /^says a reason that there is not: "bad_luck"$/,
  },
  {
    name: "a dead letter without a reason",
    mutate: (fixture) => relabel(fixture, deadLetterOf(fixture, N.broken), { "dlq-reason": null }),
    fails: ["deadLetters"],
    who: "dlq.validator 0@",
    says: /^says a reason that there is not: ""$/,
  },
  {
    name: "a second dead letter about one message, by the same service",
    mutate: (fixture) => appendCopy(fixture, deadLetterOf(fixture, N.parked)),
    fails: ["deadLetters"],
    who: "dlq.inventory 0@",
    says: /^is a second dead letter for orders\.validated \d@\d+$/,
  },
  {
    name: "a dead letter by a service that does not read the topic",
    mutate: (fixture) =>
      addDeadLetter(
        fixture,
        "validator",
        eventsOf(fixture, N.confirmed, "OrderConfirmed")[0]!,
        "processing_failed",
      ),
    fails: ["deadLetters"],
    who: "orders.outcomes 0@",
    says: /^is not in the log, but dlq\.validator has a dead letter for it$/,
  },
  {
    name: "a message that claims to be a dead letter that is open",
    mutate(fixture) {
      const { topic, offset } = deadLetterOf(fixture, N.parked);
      const [validated] = eventsOf(fixture, N.parked, "OrderValidated");
      const headers = { "replayed-from": `${topic} 0@${offset}` };
      appendCopy(fixture, { ...validated!, headers });
    },
    fails: ["replays", "twice"],
    who: "orders.validated ",
    says:
      /^claims to be dead letter t\.dlq\.inventory 0@\d+, which was not replayed, or has arrived/,
  },
  {
    name: "a message that claims to be some dead letter",
    mutate(fixture) {
      const [validated] = eventsOf(fixture, N.confirmed, "OrderValidated");
      appendCopy(fixture, { ...validated!, headers: { "replayed-from": "some letter" } });
    },
    fails: ["replays", "twice"],
    who: "orders.validated ",
    says: /^claims to be dead letter some letter, which was not replayed, or has arrived/,
  },
  {
    name: "a replay of an event that was never there",
    mutate: (fixture) =>
      drop(fixture, eventsOf(fixture, N.parked_then_replayed, "OrderValidated")[0]),
    fails: ["replays"],
    who: orderId(N.parked_then_replayed),
    says: /^orders\.validated \d@\d+ is a replay of OrderValidated, which was never there$/,
  },
  {
    name: "a message that is no event, and one of its readers has no dead letter for it",
    mutate: (fixture) => {
      const raw = appendRecord(fixture, "orders.validated", 0, "o-2", new Uint8Array([0xff]));
      for (const service of PROCESSORS) {
        const reads = topicsReadBy(service).includes("orders.validated");
        if (reads && service !== "payment") addDeadLetter(fixture, service, raw, "invalid_json");
      }
    },
    fails: ["readable", "ahead"],
    who: "o-2",
    says: /is no OrderValidated \(invalid_utf8: .*\), and payment has no dead letter for it$/,
  },
  {
    name: "a message without a key that is no event, and is not read again",
    mutate: (fixture) => appendRecord(fixture, "orders.raw", 2, null, new Uint8Array([0xff])),
    fails: ["ahead"],
    who: "orders.raw 2@",
    says: /^validator has committed \d+, past orders\.raw 2@\d+, and did not answer it$/,
  },
];
