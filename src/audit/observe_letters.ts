/**
 * Reads the dead letters, in two passes: first what people did with them (verdicts), then the letters.
 * Pure: records in, books out.
 */
import { decode } from "../events/codec.ts";
import { DEAD_LETTER_REASONS, type DeadLetterReason } from "../events/reasons.ts";
import { DEAD_LETTER_HEADERS, RESOLUTION_HEADERS } from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";
import type { Processor, Topic } from "../topology.ts";
import type { Books } from "./books.ts";
import { Mark } from "./ledger.ts";
import { namesIn } from "./digests.ts";

/** Reasons for which a message that can be read may be a dead letter. */
const NOT_THE_BYTES: readonly DeadLetterReason[] = ["duplicate_order", "processing_failed"];

const UNREADABLE: DeadLetterReason = "unreadable";

const isLetter = ({ headers }: LogRecord) => DEAD_LETTER_HEADERS.topic in headers;

/** First pass over a dead-letter topic. */
export function observeVerdict(books: Books, record: LogRecord): void {
  if (isLetter(record)) return;
  const { topic, headers } = record;
  const verdict = headers[RESOLUTION_HEADERS.verdict];
  const partition = Number(headers[RESOLUTION_HEADERS.partition] ?? NaN);
  const offset = Number(headers[RESOLUTION_HEADERS.offset] ?? NaN);
  const id = `${topic} ${partition}@${offset}`;
  const known = verdict === "replayed" || verdict === "discarded";
  if (!known || Number.isNaN(partition) || Number.isNaN(offset)) {
    const place = `${topic} ${record.partition}@${record.offset}`;
    return books.findings.add("letters", place, "is neither a dead letter nor a verdict on one");
  }
  if (!books.judged.add(topic, partition, offset)) {
    return books.findings.add("replays", id, "has two verdicts");
  }
  books[verdict].add(topic, partition, offset);
}

/**
 * Second pass over a dead-letter topic.
 *
 * @param orderTopicOf the topic of the topology that has this name on the cluster
 */
export function observeLetter(
  books: Books,
  service: Processor,
  record: LogRecord,
  orderTopicOf: (name: string) => Topic | undefined,
): void {
  if (!isLetter(record)) return;
  const { topic, partition, offset, headers, key, value } = record;
  const { findings, ledger } = books;
  const id = `${topic} ${partition}@${offset}`;
  books.judged.take(topic, partition, offset);
  const state = books.replayed.has(topic, partition, offset)
    ? "replayed"
    : books.discarded.has(topic, partition, offset)
    ? "discarded"
    : "open";
  const reason = headers[DEAD_LETTER_HEADERS.reason] ?? "";
  const byReason = books.letters.get(service)!;
  let counts = byReason.get(reason);
  if (!counts) byReason.set(reason, counts = { open: 0, replayed: 0, discarded: 0 });
  counts[state]++;

  const sourceName = headers[DEAD_LETTER_HEADERS.topic]!;
  const sourcePartition = Number(headers[DEAD_LETTER_HEADERS.partition] ?? NaN);
  const sourceOffset = Number(headers[DEAD_LETTER_HEADERS.offset] ?? NaN);
  const source = `${sourceName} ${sourcePartition}@${sourceOffset}`;
  const sourceTopic = orderTopicOf(sourceName);
  if (!sourceTopic || Number.isNaN(sourcePartition) || Number.isNaN(sourceOffset)) {
    return findings.add("letters", id, `says that it came from ${source}`);
  }
  // A batch, of which no record is known.
  if (reason === UNREADABLE) return;
  if (!books.deadMessages.get(service)!.add(sourceName, sourcePartition, sourceOffset)) {
    findings.add("letters", id, `is a second dead letter for ${source}`);
  }

  if (!(DEAD_LETTER_REASONS as readonly string[]).includes(reason)) {
    findings.add("letters", id, `says a reason that there is not: "${reason}"`);
  } else if (state === "open" && !(NOT_THE_BYTES as readonly string[]).includes(reason)) {
    const readable = decode(sourceTopic, key, value).ok;
    if (readable) findings.add("letters", id, `says ${reason}, but the message can be read`);
  }
  for (const orderId of namesIn(key, value)) {
    const slot = ledger.slotOf(orderId);
    if (reason === "duplicate_order") ledger.mark(slot, Mark.DUPLICATE);
    if (service !== "validator" && state !== "replayed") ledger.mark(slot, Mark.PARKED);
  }
}

/** When all topics are read: what the letters say and nothing in the log bears out. */
export function closeLetters(books: Books): void {
  for (const [service, places] of books.deadMessages) {
    for (const place of places) {
      books.findings.add(
        "letters",
        place,
        `is not in the log, but dlq.${service} has a letter for it`,
      );
    }
  }
  for (const letter of books.judged) {
    books.findings.add("letters", letter, "has a verdict, but is no letter");
  }
  for (const letter of books.replayed) {
    books.findings.add("replays", letter, "was replayed, but its message did not arrive");
  }
}
