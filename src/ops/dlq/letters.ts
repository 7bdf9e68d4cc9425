/**
 * What a dead-letter topic says: its letters, and what became of each. Pure: records in, letters out.
 *
 * The topic is a log: a letter is never changed or removed; a verdict, a later message that names its
 * offset, says that a person replayed or discarded it. Only the headers are kept here, so that memory
 * does not grow with what the letters hold.
 */
import { DEAD_LETTER_HEADERS, VERDICT_HEADERS } from "../../stream/dead_letters.ts";
import type { LogRecord } from "../../stream/log_reader.ts";

export const VERDICTS = ["replayed", "discarded"] as const;
export type Verdict = typeof VERDICTS[number];

export interface Letter {
  /** `partition@offset` in the dead-letter topic: how a person names it. */
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: Uint8Array | null;
  /** Undefined while it is open. */
  readonly verdict?: { readonly what: Verdict; readonly time: string };
}

/** How a person names the letter at this place. */
export function letterId(partition: number, offset: number | string): string {
  return `${partition}@${offset}`;
}

/**
 * Whether a record is a letter. The headers of the failed message stay in its letter, so that a
 * message sent with a verdict's headers must not become a verdict: what has a source is a letter.
 */
export function isLetter({ headers }: Pick<LogRecord, "headers">): boolean {
  return DEAD_LETTER_HEADERS.topic in headers;
}

/**
 * Adds the next record of the topic to what is known of its letters, by id, in the order of the log.
 * What is neither a letter nor a verdict is nobody's, and is passed over.
 */
export function addRecord(letters: Map<string, Letter>, record: LogRecord): void {
  const { partition, offset, headers, key } = record;
  if (isLetter(record)) {
    const id = letterId(partition, offset);
    letters.set(id, { id, partition, offset, headers, key });
    return;
  }
  const what = VERDICTS.find((word) => word === headers[VERDICT_HEADERS.verdict]);
  const letterPartition = headers[VERDICT_HEADERS.partition];
  const letterOffset = headers[VERDICT_HEADERS.offset];
  if (!what || letterPartition === undefined || letterOffset === undefined) return;
  const letter = letters.get(letterId(Number(letterPartition), letterOffset));
  // The first verdict counts; a second one can only be a fault of whoever wrote it.
  if (!letter || letter.verdict) return;
  const verdict = { what, time: headers[VERDICT_HEADERS.time] ?? "" };
  letters.set(letter.id, { ...letter, verdict });
}

/** What distinguishes letters to a person. */
export function reasonOf(letter: Pick<Letter, "headers">): string {
  return letter.headers[DEAD_LETTER_HEADERS.reason] ?? "";
}

/** The open letters, in the order of the log; those of one reason, if it is given. */
export function openLetters(letters: Iterable<Letter>, reason?: string): Letter[] {
  return [...letters].filter((letter) =>
    !letter.verdict && (reason === undefined || reasonOf(letter) === reason)
  );
}

export interface LetterCounts {
  open: number;
  replayed: number;
  discarded: number;
}

/** How many letters there are of each state, by reason. */
export function countLetters(letters: Iterable<Letter>): Map<string, LetterCounts> {
  const byReason = new Map<string, LetterCounts>();
  for (const letter of letters) {
    const reason = reasonOf(letter);
    let counts = byReason.get(reason);
    if (!counts) byReason.set(reason, counts = { open: 0, replayed: 0, discarded: 0 });
    counts[letter.verdict?.what ?? "open"]++;
  }
  return byReason;
}
