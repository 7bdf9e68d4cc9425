/**
 * Dead letters as messages: the bytes as received, and headers that say where they came from and why
 * they are here. Header names start with `dlq-`; the message's own headers stay beside them.
 *
 * A dead-letter topic is a log, too: what a person does with a letter is appended to it as a verdict
 * that names the letter's offset. So nothing is lost, and replaying is one transaction.
 */
import type { IHeaders, Message } from "kafkajs";
import type { DeadLetter } from "./message.ts";

export const DEAD_LETTER_HEADERS = {
  topic: "dlq-source-topic",
  partition: "dlq-source-partition",
  offset: "dlq-source-offset",
  group: "dlq-group",
  reason: "dlq-reason",
  detail: "dlq-detail",
  attempts: "dlq-attempts",
  time: "dlq-time",
} as const;

/** What a person did with a dead letter: a message without value that names the letter's offset. */
export const VERDICT_HEADERS = {
  verdict: "dlq-verdict",
  partition: "dlq-letter-partition",
  offset: "dlq-letter-offset",
  time: "dlq-time",
} as const;

/** On a letter that was replayed, where it comes from: `dlq.validator 0@12`. */
export const REPLAYED_FROM = "replayed-from";

/** The message for a service's dead-letter topic. */
export function toDeadLetterMessage(letter: DeadLetter, from: {
  /** The source topic's name on the cluster. */
  topic: string;
  group: string;
  /** How often processing was tried since it was read. */
  attempts: number;
  /** ISO 8601. */
  time: string;
}): Message {
  const headers: IHeaders = {
    ...letter.raw.headers,
    [DEAD_LETTER_HEADERS.topic]: from.topic,
    [DEAD_LETTER_HEADERS.partition]: String(letter.partition),
    [DEAD_LETTER_HEADERS.offset]: String(letter.raw.offset),
    [DEAD_LETTER_HEADERS.group]: from.group,
    [DEAD_LETTER_HEADERS.reason]: letter.fault.reason,
    [DEAD_LETTER_HEADERS.detail]: letter.fault.detail,
    [DEAD_LETTER_HEADERS.attempts]: String(from.attempts),
    [DEAD_LETTER_HEADERS.time]: from.time,
  };
  return { key: bytes(letter.raw.key), value: bytes(letter.raw.value), headers };
}

/** kafkajs wants Buffers; this one shares the bytes. */
export function bytes(value: Uint8Array | null): Buffer | null {
  return value && Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
