/**
 * Dead letters as messages: the bytes as received, and headers that say where they came from and why
 * they are here. Header names start with `dlq-`; the message's own headers stay beside them.
 *
 * A dead-letter topic is a log, too: what a person does with a letter is appended to it as a verdict
 * that names the letter's offset. So nothing is lost, and replaying is one transaction.
 */
import { createHash } from "node:crypto";
import type { IHeaders, Message } from "kafkajs";
import type { DeadLetter } from "./records.ts";
import type { LogRecord } from "./records.ts";

export const DEAD_LETTER_HEADERS = {
  topic: "dlq-source-topic",
  partition: "dlq-source-partition",
  offset: "dlq-source-offset",
  group: "dlq-group",
  reason: "dlq-reason",
  detail: "dlq-detail",
  attempts: "dlq-attempts",
  time: "dlq-time",
  /** What was too large to be kept: some of `value`, `key`, `headers`, with commas between them. */
  cut: "dlq-cut",
  /** Of a value that was cut, and of a batch that cannot be read: all of its bytes. */
  valueBytes: "dlq-value-bytes",
  valueSha256: "dlq-value-sha256",
  /** Of a batch that cannot be read: the offset after its last. */
  nextOffset: "dlq-next-offset",
} as const;

/** What a person did with a dead letter: a message without value that names the letter's offset. */
export const RESOLUTION_HEADERS = {
  verdict: "dlq-verdict",
  partition: "dlq-letter-partition",
  offset: "dlq-letter-offset",
  time: "dlq-time",
} as const;

/** On a letter that was replayed, where it comes from: `dlq.validator 0@12`. */
export const REPLAYED_FROM = "replayed-from";

/**
 * Together with our own headers less than 1,048,588 bytes, the least that a topic takes by default:
 * what its own topic let in may be larger, and a dead letter that does not fit would stop its partition.
 */
const MAX = { keyBytes: 64 * 1024, headersBytes: 64 * 1024, valueBytes: 800 * 1024 };
/** Generously, of what a header takes beside its name and its value. */
const HEADER_OVERHEAD_BYTES = 16;
const MAX_DETAIL = 1_000;

/**
 * The message for a service's dead-letter topic: as received, up to a bound. Beyond it the value and
 * the key are cut and headers are left out, and headers of ours say so; the source has it all.
 */
export function toDeadLetterMessage(letter: DeadLetter, from: {
  /** The source topic's name on the cluster. */
  topic: string;
  group: string;
  /** How often processing was tried since it was read. */
  attempts: number;
  /** ISO 8601. */
  time: string;
}): Message {
  const { key, value } = letter.raw;
  const own = keptHeaders(letter.raw.headers);
  const cut = [
    ...value !== null && value.length > MAX.valueBytes ? ["value"] : [],
    ...key !== null && key.length > MAX.keyBytes ? ["key"] : [],
    ...own.whole ? [] : ["headers"],
  ];
  const headers: IHeaders = {
    ...own.headers,
    [DEAD_LETTER_HEADERS.topic]: from.topic,
    [DEAD_LETTER_HEADERS.partition]: String(letter.partition),
    [DEAD_LETTER_HEADERS.offset]: String(letter.raw.offset),
    [DEAD_LETTER_HEADERS.group]: from.group,
    [DEAD_LETTER_HEADERS.reason]: letter.fault.reason,
    [DEAD_LETTER_HEADERS.detail]: letter.fault.detail.slice(0, MAX_DETAIL),
    [DEAD_LETTER_HEADERS.attempts]: String(from.attempts),
    [DEAD_LETTER_HEADERS.time]: from.time,
    ...cut.length > 0 && {
      [DEAD_LETTER_HEADERS.cut]: cut.join(),
      [DEAD_LETTER_HEADERS.valueBytes]: String(value?.length ?? 0),
      [DEAD_LETTER_HEADERS.valueSha256]: sha256(value),
    },
  };
  return {
    key: bytes(key && key.subarray(0, MAX.keyBytes)),
    value: bytes(value && value.subarray(0, MAX.valueBytes)),
    headers,
  };
}

const OUR_NAMES: ReadonlySet<string> = new Set(Object.values(DEAD_LETTER_HEADERS));

/** As many of a message's headers as there is room for, in their order. */
function keptHeaders(
  all: Readonly<Record<string, string>>,
): { headers: Record<string, string>; whole: boolean } {
  const headers: Record<string, string> = {};
  let left = MAX.headersBytes;
  let whole = true;
  for (const [name, value] of Object.entries(all)) {
    // What we say of the letter is not for its message to say.
    if (OUR_NAMES.has(name)) continue;
    const size = Buffer.byteLength(name) + Buffer.byteLength(value) + HEADER_OVERHEAD_BYTES;
    if (size > left) {
      whole = false;
      continue;
    }
    left -= size;
    headers[name] = value;
  }
  return { headers, whole };
}

/** Lowercase hexadecimal; of no value as of an empty one. */
export function sha256(value: Uint8Array | null): string {
  return createHash("sha256").update(value ?? "").digest("hex");
}

/** kafkajs wants Buffers; this one shares the bytes. */
export function bytes(value: Uint8Array | null): Buffer | null {
  return value && Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/**
 * What a dead-letter topic says: its letters, and what became of each. Pure: records in, letters out.
 *
 * The topic is a log: a letter is never changed or removed; a verdict, a later message that names its
 * offset, says that a person replayed or discarded it. Only the headers are kept here, so that memory
 * does not grow with what the letters hold.
 */

export const RESOLUTIONS = ["replayed", "discarded"] as const;
export type Resolution = typeof RESOLUTIONS[number];

export interface DeadLetterRecord {
  /** `partition@offset` in the dead-letter topic: how a person names it. */
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: Uint8Array | null;
  /** Undefined while it is open. */
  readonly verdict?: { readonly what: Resolution; readonly time: string };
}

/** How a person names the letter at this place. */
export function deadLetterId(partition: number, offset: number | string): string {
  return `${partition}@${offset}`;
}

/**
 * Whether a record is a letter. The headers of the failed message stay in its letter, so that a
 * message sent with a verdict's headers must not become a verdict: what has a source is a letter.
 */
export function isDeadLetter({ headers }: Pick<LogRecord, "headers">): boolean {
  return DEAD_LETTER_HEADERS.topic in headers;
}

/**
 * Adds the next record of the topic to what is known of its letters, by id, in the order of the log.
 * What is neither a letter nor a verdict is nobody's, and is passed over.
 */
export function addRecord(letters: Map<string, DeadLetterRecord>, record: LogRecord): void {
  const { partition, offset, headers, key } = record;
  if (isDeadLetter(record)) {
    const id = deadLetterId(partition, offset);
    letters.set(id, { id, partition, offset, headers, key });
    return;
  }
  const what = RESOLUTIONS.find((word) => word === headers[RESOLUTION_HEADERS.verdict]);
  const letterPartition = headers[RESOLUTION_HEADERS.partition];
  const letterOffset = headers[RESOLUTION_HEADERS.offset];
  if (!what || letterPartition === undefined || letterOffset === undefined) return;
  const letter = letters.get(deadLetterId(Number(letterPartition), letterOffset));
  // The first verdict counts; a second one can only be a fault of whoever wrote it.
  if (!letter || letter.verdict) return;
  const verdict = { what, time: headers[RESOLUTION_HEADERS.time] ?? "" };
  letters.set(letter.id, { ...letter, verdict });
}

/** What distinguishes letters to a person. */
export function reasonOf(letter: Pick<DeadLetterRecord, "headers">): string {
  return letter.headers[DEAD_LETTER_HEADERS.reason] ?? "";
}

/** The open letters, in the order of the log; those of one reason, if it is given. */
export function openDeadLetters(
  letters: Iterable<DeadLetterRecord>,
  reason?: string,
): DeadLetterRecord[] {
  return [...letters].filter((letter) =>
    !letter.verdict && (reason === undefined || reasonOf(letter) === reason)
  );
}

export interface DeadLetterCounts {
  open: number;
  replayed: number;
  discarded: number;
}

/** How many letters there are of each state, by reason. */
export function countDeadLetters(
  letters: Iterable<DeadLetterRecord>,
): Map<string, DeadLetterCounts> {
  const byReason = new Map<string, DeadLetterCounts>();
  for (const letter of letters) {
    const reason = reasonOf(letter);
    let counts = byReason.get(reason);
    if (!counts) byReason.set(reason, counts = { open: 0, replayed: 0, discarded: 0 });
    counts[letter.verdict?.what ?? "open"]++;
  }
  return byReason;
}
