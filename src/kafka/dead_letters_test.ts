import { assertEquals } from "@std/assert";
import {
  addRecord,
  countDeadLetters,
  DEAD_LETTER_HEADERS,
  type DeadLetterRecord,
  openDeadLetters,
  RESOLUTION_HEADERS,
} from "./dead_letters.ts";
import type { LogRecord } from "./records.ts";
import { replayMessage, resolutionMessage } from "../commands/dlq/resolve.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function deadLetter(
  offset: number,
  reason: string,
  headers: Record<string, string> = {},
): LogRecord {
  return {
    topic: "dlq.validator",
    partition: 0,
    offset,
    timestamp: 0,
    key: bytes(`o-${offset}`),
    value: bytes("{"),
    headers: {
      ...headers,
      [DEAD_LETTER_HEADERS.topic]: "orders.raw",
      [DEAD_LETTER_HEADERS.partition]: "3",
      [DEAD_LETTER_HEADERS.offset]: "77",
      [DEAD_LETTER_HEADERS.reason]: reason,
    },
  };
}

/** A resolution as it is written, at an offset of the log. */
function resolution(offset: number, on: LogRecord, what: "replayed" | "discarded"): LogRecord {
  return { ...resolutionMessage(on, what, `time-${offset}`), offset, timestamp: 0 };
}

function fold(records: readonly LogRecord[]): Map<string, DeadLetterRecord> {
  const deadLetters = new Map<string, DeadLetterRecord>();
  for (const record of records) addRecord(deadLetters, record);
  return deadLetters;
}

Deno.test("addRecord: a dead letter is open until a resolution names it; the first resolution counts", () => {
  const [a, b, c] = [
    deadLetter(0, "invalid_json"),
    deadLetter(1, "empty_value"),
    deadLetter(2, "invalid_json"),
  ];
  const deadLetters = fold([
    a,
    b,
    c,
    resolution(3, a, "replayed"),
    resolution(4, b, "discarded"),
    resolution(5, a, "discarded"),
  ]);
  assertEquals(openDeadLetters(deadLetters.values()).map(({ id }) => id), ["0@2"]);
  assertEquals(deadLetters.get("0@0")?.resolution, { what: "replayed", time: "time-3" });
  assertEquals(deadLetters.get("0@1")?.resolution, { what: "discarded", time: "time-4" });
  assertEquals([...countDeadLetters(deadLetters.values())], [
    ["invalid_json", { open: 1, replayed: 1, discarded: 0 }],
    ["empty_value", { open: 0, replayed: 0, discarded: 1 }],
  ]);
});

Deno.test("openDeadLetters: those of one reason", () => {
  const deadLetters = fold([deadLetter(0, "invalid_json"), deadLetter(1, "empty_value")]);
  assertEquals(openDeadLetters(deadLetters.values(), "empty_value").map(({ id }) => id), ["0@1"]);
  assertEquals(openDeadLetters(deadLetters.values(), "too_large"), []);
});

Deno.test("addRecord: a message that was sent with a resolution's headers becomes no resolution", () => {
  const a = deadLetter(0, "invalid_json");
  const forged = deadLetter(1, "empty_value", {
    [RESOLUTION_HEADERS.resolution]: "discarded",
    [RESOLUTION_HEADERS.partition]: "0",
    [RESOLUTION_HEADERS.offset]: "0",
  });
  const deadLetters = fold([a, forged]);
  assertEquals(openDeadLetters(deadLetters.values()).map(({ id }) => id), ["0@0", "0@1"]);
});

Deno.test("addRecord: skips what is neither dead letter nor resolution, and resolutions of nothing", () => {
  const stray = { ...deadLetter(0, ""), headers: { hello: "there" } };
  const unknown = { ...stray, headers: { [RESOLUTION_HEADERS.resolution]: "eaten" } };
  assertEquals(fold([stray, unknown, resolution(2, deadLetter(9, ""), "replayed")]).size, 0);
});

Deno.test("replayMessage: the bytes and headers as received, to where they were received", () => {
  const record = deadLetter(12, "invalid_json", { traceparent: "00-1", "dlq-verdict": "forged" });
  assertEquals(replayMessage(record, new Map([["orders.raw", 4]])), {
    topic: "orders.raw",
    partition: 3,
    key: record.key,
    value: record.value,
    headers: { traceparent: "00-1", "replayed-from": "dlq.validator 0@12" },
  });
});

Deno.test("replayMessage: refuses a place that the service does not read", () => {
  const record = deadLetter(12, "invalid_json");
  assertEquals(replayMessage(record, new Map([["orders.validated", 4]])), undefined);
  // The topic has fewer partitions than the dead letter says.
  assertEquals(replayMessage(record, new Map([["orders.raw", 3]])), undefined);
  const headers = { ...record.headers, [DEAD_LETTER_HEADERS.partition]: "-1" };
  assertEquals(replayMessage({ ...record, headers }, new Map([["orders.raw", 4]])), undefined);
});
