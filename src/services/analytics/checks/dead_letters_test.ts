import { assertEquals } from "@std/assert";
import {
  DEAD_LETTER_HEADERS,
  type Resolution,
  RESOLUTION_HEADERS,
} from "../../../kafka/dead_letters.ts";
import type { LogRecord } from "../../../kafka/records.ts";
import { NOON_MS } from "../testing/orders.ts";
import { DeadLetterTopic, MAX_LISTED } from "./dead_letters.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function deadLetter(offset: number, changes: Partial<LogRecord> = {}): LogRecord {
  const headers = {
    [DEAD_LETTER_HEADERS.topic]: "orders.raw",
    [DEAD_LETTER_HEADERS.reason]: "invalid_json",
    [DEAD_LETTER_HEADERS.time]: new Date(NOON_MS + offset).toISOString(),
    ...changes.headers,
  };
  const key = bytes(`o-${offset}`);
  const place = { topic: "dlq.validator", partition: 0, offset, timestamp: 0 };
  return { ...place, key, value: bytes("{"), ...changes, headers };
}

function resolution(offset: number, of: number, what: Resolution): LogRecord {
  return {
    ...deadLetter(offset),
    headers: {
      [RESOLUTION_HEADERS.resolution]: what,
      [RESOLUTION_HEADERS.partition]: "0",
      [RESOLUTION_HEADERS.offset]: String(of),
    },
  };
}

function topicOf(...records: LogRecord[]): DeadLetterTopic {
  const topic = new DeadLetterTopic();
  for (const record of records) topic.add(record);
  return topic;
}

Deno.test("DeadLetterTopic: lists the open ones, the newest first, and counts all", () => {
  const topic = topicOf(
    ...[0, 1, 2].map((offset) => deadLetter(offset)),
    resolution(3, 1, "replayed"),
  );
  assertEquals(topic.count, { total: 3, open: 2 });
  assertEquals(
    topic.newest(),
    [2, 0].map((offset) => ({
      id: `0@${offset}`,
      reason: "invalid_json",
      atMs: NOON_MS + offset,
      source: "orders.raw",
      orderId: `o-${offset}`,
      excerpt: {},
    })),
  );
});

Deno.test("DeadLetterTopic: of many it lists so many, and still counts all", () => {
  const topic = topicOf(...Array.from({ length: 3_000 }, (_, offset) => deadLetter(offset)));
  assertEquals(topic.count, { total: 3_000, open: 3_000 });
  assertEquals(topic.newest().length, MAX_LISTED);
  assertEquals(topic.newest()[0]!.id, "0@2999");
});

Deno.test("DeadLetterTopic: an order whose dead letter was discarded gets no outcome; replayed, it may", () => {
  const topic = topicOf(
    ...[0, 1, 2].map((offset) => deadLetter(offset)),
    resolution(3, 0, "discarded"),
    resolution(4, 1, "replayed"),
  );
  assertEquals([0, 1, 2].map((n) => topic.isDiscarded(`o-${n}`)), [true, false, false]);
});

Deno.test("DeadLetterTopic: headers and keys from outside are shown only where they are what they should be", () => {
  const headers = {
    [DEAD_LETTER_HEADERS.topic]: "Ada Lovelace",
    [DEAD_LETTER_HEADERS.reason]: "Ada",
    [DEAD_LETTER_HEADERS.detail]: "Ada's",
    [DEAD_LETTER_HEADERS.time]: "at tea time",
  };
  const topic = topicOf(deadLetter(0, { headers, key: bytes("Ada Lovelace"), timestamp: 7 }));
  assertEquals(topic.newest(), [
    { id: "0@0", reason: "", atMs: 7, source: "", orderId: "", excerpt: {} },
  ]);
});
