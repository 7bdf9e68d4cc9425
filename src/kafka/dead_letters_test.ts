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

function letter(offset: number, reason: string, headers: Record<string, string> = {}): LogRecord {
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

/** A verdict as it is written, at an offset of the log. */
function verdict(offset: number, on: LogRecord, what: "replayed" | "discarded"): LogRecord {
  return { ...resolutionMessage(on, what, `time-${offset}`), offset, timestamp: 0 };
}

function fold(records: readonly LogRecord[]): Map<string, DeadLetterRecord> {
  const letters = new Map<string, DeadLetterRecord>();
  for (const record of records) addRecord(letters, record);
  return letters;
}

Deno.test("addRecord: a letter is open until a verdict names it; the first verdict counts", () => {
  const [a, b, c] = [
    letter(0, "invalid_json"),
    letter(1, "empty_value"),
    letter(2, "invalid_json"),
  ];
  const letters = fold([
    a,
    b,
    c,
    verdict(3, a, "replayed"),
    verdict(4, b, "discarded"),
    verdict(5, a, "discarded"),
  ]);
  assertEquals(openDeadLetters(letters.values()).map(({ id }) => id), ["0@2"]);
  assertEquals(letters.get("0@0")?.verdict, { what: "replayed", time: "time-3" });
  assertEquals(letters.get("0@1")?.verdict, { what: "discarded", time: "time-4" });
  assertEquals([...countDeadLetters(letters.values())], [
    ["invalid_json", { open: 1, replayed: 1, discarded: 0 }],
    ["empty_value", { open: 0, replayed: 0, discarded: 1 }],
  ]);
});

Deno.test("openLetters: those of one reason", () => {
  const letters = fold([letter(0, "invalid_json"), letter(1, "empty_value")]);
  assertEquals(openDeadLetters(letters.values(), "empty_value").map(({ id }) => id), ["0@1"]);
  assertEquals(openDeadLetters(letters.values(), "too_large"), []);
});

Deno.test("addRecord: a message that was sent with a verdict's headers becomes no verdict", () => {
  const a = letter(0, "invalid_json");
  const forged = letter(1, "empty_value", {
    [RESOLUTION_HEADERS.verdict]: "discarded",
    [RESOLUTION_HEADERS.partition]: "0",
    [RESOLUTION_HEADERS.offset]: "0",
  });
  const letters = fold([a, forged]);
  assertEquals(openDeadLetters(letters.values()).map(({ id }) => id), ["0@0", "0@1"]);
});

Deno.test("addRecord: passes over what is neither letter nor verdict, and verdicts on nothing", () => {
  const stray = { ...letter(0, ""), headers: { hello: "there" } };
  const unknown = { ...stray, headers: { [RESOLUTION_HEADERS.verdict]: "eaten" } };
  assertEquals(fold([stray, unknown, verdict(2, letter(9, ""), "replayed")]).size, 0);
});

Deno.test("replayMessage: the bytes and headers as received, to where they were received", () => {
  const record = letter(12, "invalid_json", { traceparent: "00-1", "dlq-verdict": "forged" });
  assertEquals(replayMessage(record, new Map([["orders.raw", 4]])), {
    topic: "orders.raw",
    partition: 3,
    key: record.key,
    value: record.value,
    headers: { traceparent: "00-1", "replayed-from": "dlq.validator 0@12" },
  });
});

Deno.test("replayMessage: refuses a place that the service does not read", () => {
  const record = letter(12, "invalid_json");
  assertEquals(replayMessage(record, new Map([["orders.validated", 4]])), undefined);
  // The topic has fewer partitions than the letter says.
  assertEquals(replayMessage(record, new Map([["orders.raw", 3]])), undefined);
  const headers = { ...record.headers, [DEAD_LETTER_HEADERS.partition]: "-1" };
  assertEquals(replayMessage({ ...record, headers }, new Map([["orders.raw", 4]])), undefined);
});
