/**
 * Dead letters for people, as lines, and for programs, as the objects that `--json` prints. Pure; in
 * the lines nothing that came from outside reaches the terminal raw.
 */
import {
  countDeadLetters,
  DEAD_LETTER_HEADERS,
  type DeadLetterCounts,
  deadLetterId,
  type DeadLetterRecord,
  openDeadLetters,
  reasonOf,
  sumDeadLetters,
} from "../../kafka/dead_letters.ts";
import { printable, printableBytes } from "../../runtime/printable.ts";
import type { WholeDeadLetter } from "./read.ts";

const MAX_DETAIL = 100;
const MAX_KEY = 64;

/** The dead letters of one topic; those of one reason, if it is given. */
interface Listing {
  readonly service: string;
  /** The name on the cluster of the dead-letter topic. */
  readonly topic: string;
  readonly reason?: string | undefined;
}

/** The open ones, and how many there are of each state, in all and by reason. */
function summarize({ reason }: Listing, deadLetters: Iterable<DeadLetterRecord>) {
  const all = [...deadLetters].filter((one) => reason === undefined || reasonOf(one) === reason);
  const counts = [...countDeadLetters(all)].toSorted(([a], [b]) => a < b ? -1 : 1);
  const total = sumDeadLetters(counts.map(([, one]) => one));
  return { open: openDeadLetters(all), counts, total };
}

/** One line for each open dead letter, and how many there are of each state. */
export function listLines(list: Listing, deadLetters: Iterable<DeadLetterRecord>): string[] {
  const { topic, reason } = list;
  const { open, counts, total } = summarize(list, deadLetters);
  if (counts.length === 0) return [`${topic}: no dead letters${reason ? ` with ${reason}` : ""}`];
  const idWidth = widest(open.map(({ id }) => id));
  const reasonWidth = widest(open.map((one) => printable(reasonOf(one))));
  const lines = open.map((one) =>
    [
      one.id.padEnd(idWidth),
      printable(one.headers[DEAD_LETTER_HEADERS.time] ?? ""),
      printable(reasonOf(one)).padEnd(reasonWidth),
      `key ${keyText(one.key)}`,
      printable(one.headers[DEAD_LETTER_HEADERS.detail] ?? "", MAX_DETAIL),
    ].join("  ")
  );
  const text = ({ open, replayed, discarded }: DeadLetterCounts) =>
    `${open} open, ${replayed} replayed, ${discarded} discarded`;
  return [
    ...lines,
    `${topic}: ${text(total)}`,
    ...counts.map(([name, count]) => `  ${printable(name)}: ${text(count)}`),
  ];
}

/** What `dlq list --json` prints: docs/json-output.md says what the fields mean. */
export function listJson(list: Listing, deadLetters: Iterable<DeadLetterRecord>) {
  const { open, counts, total } = summarize(list, deadLetters);
  return {
    service: list.service,
    topic: list.topic,
    ...total,
    reasons: Object.fromEntries(counts),
    deadLetters: open.map(fieldsOf),
  };
}

function fieldsOf({ partition, offset, key, headers }: Omit<DeadLetterRecord, "id">) {
  const number = (text: string | undefined) => text === undefined ? null : Number(text);
  return {
    id: deadLetterId(partition, offset),
    partition,
    offset,
    time: headers[DEAD_LETTER_HEADERS.time] ?? null,
    reason: reasonOf({ headers }),
    detail: headers[DEAD_LETTER_HEADERS.detail] ?? null,
    attempts: number(headers[DEAD_LETTER_HEADERS.attempts]),
    key: key && utf8.decode(key),
    source: {
      topic: headers[DEAD_LETTER_HEADERS.topic] ?? null,
      partition: number(headers[DEAD_LETTER_HEADERS.partition]),
      offset: number(headers[DEAD_LETTER_HEADERS.offset]),
    },
  };
}

/** All of one dead letter: its state, its headers, and what it holds. */
export function showLines(
  { deadLetter, cut, source, missing }: WholeDeadLetter,
  resolution: DeadLetterRecord["resolution"],
): string[] {
  const { partition, offset, topic, key, value } = deadLetter;
  const state = resolution ? `${resolution.what} at ${printable(resolution.time)}` : "open";
  const headers = Object.entries(deadLetter.headers);
  const width = widest(headers.map(([name]) => printable(name)));
  return [
    `dead letter ${deadLetterId(partition, offset)} of ${topic}: ${state}`,
    `key: ${keyText(key)}`,
    "headers:",
    ...headers.map(([name, text]) => `  ${printable(name).padEnd(width)}  ${printable(text)}`),
    ...cut === undefined ? [] : [
      `cut in the dead letter: ${printable(cut)}; ` +
      (missing ? `this is what was kept, for ${missing}` : `this is the whole, from ${source}`),
    ],
    `value, ${value?.length ?? 0} bytes:`,
    ...printableBytes(value).map((line) => `  ${line}`),
  ];
}

/** What `dlq show --json` prints. */
export function showJson(
  service: string,
  { deadLetter, cut, missing }: WholeDeadLetter,
  resolution: DeadLetterRecord["resolution"],
) {
  const { topic, headers, value } = deadLetter;
  return {
    service,
    topic,
    ...fieldsOf(deadLetter),
    state: resolution?.what ?? "open",
    resolvedAt: resolution?.time ?? null,
    headers,
    valueBytes: value?.length ?? null,
    value: value && textOf(value),
    valueBase64: value && Buffer.from(value).toString("base64"),
    // Undefined, and so left out, for one that was kept whole.
    cut: cut?.split(","),
    missing,
  };
}

/** The length of the longest; there may be more dead letters than a call takes arguments. */
function widest(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, text.length), 0);
}

const utf8 = new TextDecoder();

function textOf(value: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return null;
  }
}

function keyText(key: Uint8Array | null): string {
  if (key === null) return "(none)";
  return printable(utf8.decode(key.subarray(0, MAX_KEY)), MAX_KEY);
}
