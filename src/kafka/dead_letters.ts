/**
 * Dead letters as messages: the bytes as received, and headers that say where they came from and why
 * they are here. Names of these headers start with `dlq-`; the message's own headers stay beside them.
 *
 * A dead-letter topic is a log, too: a dead letter is never changed or removed. When somebody replays
 * or discards it, a resolution that names its offset is appended. So nothing is lost, and a replay is
 * one transaction. Pure.
 */
import { createHash } from "node:crypto";
import type { IHeaders, Message } from "kafkajs";
import {
  deadLetterTopicOf,
  type Processor,
  PROCESSORS,
  type Topic,
  topicsReadBy,
} from "../topology.ts";
import { bufferOf } from "../runtime/buffer.ts";
import type { DeadLetter, LogRecord } from "./records.ts";

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

/** Of a resolution: a message without value that names the dead letter's offset. */
export const RESOLUTION_HEADERS = {
  resolution: "dlq-verdict",
  partition: "dlq-letter-partition",
  offset: "dlq-letter-offset",
  time: "dlq-time",
} as const;

/** On a replayed message: the dead letter that it comes from, `dlq.validator 0@12`. */
export const REPLAYED_FROM = "replayed-from";

/**
 * Whether a message of `topic` is a replay that `service` has to step over: a replay is for the service
 * whose dead letter it was; the topic's other readers have processed the message.
 *
 * @param name the topic's name on the cluster
 */
export function isReplayForAnother(
  service: Processor,
  topic: Topic,
  name: string,
  headers: Readonly<Record<string, string>>,
): boolean {
  const claim = headers[REPLAYED_FROM];
  if (claim === undefined) return false;
  const prefix = name.slice(0, name.length - topic.length);
  return PROCESSORS.some((other) =>
    other !== service && topicsReadBy(other).includes(topic) &&
    claim.startsWith(`${prefix}${deadLetterTopicOf(other)} `)
  );
}

/**
 * Together with our own headers less than 1,048,588 bytes, the default limit of a topic. The message's
 * own topic may allow more, and a dead letter that does not fit would stop its partition.
 */
const MAX = { keyBytes: 64 * 1024, headersBytes: 64 * 1024, valueBytes: 800 * 1024 };
/** At least what a header takes beside its name and its value. */
const HEADER_OVERHEAD_BYTES = 16;
const MAX_DETAIL = 1_000;

/**
 * The message for a service's dead-letter topic: as received, up to MAX. Beyond it the value and the key
 * are cut and headers are left out, and headers of ours say so; the source has all of it.
 */
export function toDeadLetterMessage({ raw, partition, fault }: DeadLetter, from: {
  /** The source topic's name on the cluster. */
  topic: string;
  group: string;
  /** How often the service tried to process it. */
  attempts: number;
  /** ISO 8601. */
  time: string;
}): Message {
  const { key, value } = raw;
  const own = keptHeaders(raw.headers);
  const cut = [
    ...value !== null && value.length > MAX.valueBytes ? ["value"] : [],
    ...key !== null && key.length > MAX.keyBytes ? ["key"] : [],
    ...own.whole ? [] : ["headers"],
  ];
  const headers: IHeaders = {
    ...own.headers,
    [DEAD_LETTER_HEADERS.topic]: from.topic,
    [DEAD_LETTER_HEADERS.partition]: String(partition),
    [DEAD_LETTER_HEADERS.offset]: String(raw.offset),
    [DEAD_LETTER_HEADERS.group]: from.group,
    [DEAD_LETTER_HEADERS.reason]: fault.reason,
    [DEAD_LETTER_HEADERS.detail]: fault.detail.slice(0, MAX_DETAIL),
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

/** The message's headers in their order, as many as there is room for. */
function keptHeaders(
  all: Readonly<Record<string, string>>,
): { headers: Record<string, string>; whole: boolean } {
  const headers: Record<string, string> = {};
  let left = MAX.headersBytes;
  let whole = true;
  for (const [name, value] of Object.entries(all)) {
    // A failed message must not set our headers.
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

/** As kafkajs wants it; not copied. */
export function bytes(value: Uint8Array | null): Buffer | null {
  return value && bufferOf(value);
}

const RESOLUTIONS = ["replayed", "discarded"] as const;
export type Resolution = typeof RESOLUTIONS[number];

export interface DeadLetterRecord {
  /** `partition@offset` in the dead-letter topic, as people name it. */
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: Uint8Array | null;
  /** Its resolution; absent while it is open. */
  readonly resolution?: { readonly what: Resolution; readonly time: string };
}

export function deadLetterId(partition: number, offset: number | string): string {
  return `${partition}@${offset}`;
}

/**
 * Whether a record is a dead letter rather than a resolution. A dead letter keeps the headers of its
 * message, which may have been sent with those of a resolution: so what names a source is a dead letter.
 */
export function isDeadLetter({ headers }: Pick<LogRecord, "headers">): boolean {
  return DEAD_LETTER_HEADERS.topic in headers;
}

/** Which dead letter a resolution is about; of any other message an id that none has. */
export function resolvedId({ headers }: Pick<LogRecord, "headers">): string {
  const { partition, offset } = RESOLUTION_HEADERS;
  return deadLetterId(Number(headers[partition]), headers[offset] ?? "");
}

/**
 * Adds the next record of a dead-letter topic, in the order of the log. Skips what is neither a dead
 * letter nor a resolution.
 *
 * @param deadLetters by id; without values, so that memory does not grow with their sizes
 */
export function addRecord(deadLetters: Map<string, DeadLetterRecord>, record: LogRecord): void {
  const { partition, offset, headers, key } = record;
  if (isDeadLetter(record)) {
    const id = deadLetterId(partition, offset);
    deadLetters.set(id, { id, partition, offset, headers, key });
    return;
  }
  const what = RESOLUTIONS.find((word) => word === headers[RESOLUTION_HEADERS.resolution]);
  const resolved = deadLetters.get(resolvedId(record));
  // The first resolution counts.
  if (!what || !resolved || resolved.resolution) return;
  const resolution = { what, time: headers[RESOLUTION_HEADERS.time] ?? "" };
  deadLetters.set(resolved.id, { ...resolved, resolution });
}

export function reasonOf({ headers }: Pick<DeadLetterRecord, "headers">): string {
  return headers[DEAD_LETTER_HEADERS.reason] ?? "";
}

/** The open ones, in the order of the log. @param reason only those of this reason */
export function openDeadLetters(
  deadLetters: Iterable<DeadLetterRecord>,
  reason?: string,
): DeadLetterRecord[] {
  return [...deadLetters].filter((one) =>
    !one.resolution && (reason === undefined || reasonOf(one) === reason)
  );
}

export interface DeadLetterCounts {
  open: number;
  replayed: number;
  discarded: number;
}

/** By reason. */
export function countDeadLetters(
  deadLetters: Iterable<DeadLetterRecord>,
): Map<string, DeadLetterCounts> {
  const byReason = new Map<string, DeadLetterCounts>();
  for (const one of deadLetters) {
    const reason = reasonOf(one);
    const counts = byReason.get(reason) ?? { open: 0, replayed: 0, discarded: 0 };
    counts[one.resolution?.what ?? "open"]++;
    byReason.set(reason, counts);
  }
  return byReason;
}

export function sumDeadLetters(all: Iterable<DeadLetterCounts>): DeadLetterCounts {
  const sum = { open: 0, replayed: 0, discarded: 0 };
  for (const { open, replayed, discarded } of all) {
    sum.open += open;
    sum.replayed += replayed;
    sum.discarded += discarded;
  }
  return sum;
}
