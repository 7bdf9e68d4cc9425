/** Letters as lines for a person. Pure; nothing of what a letter holds reaches the terminal raw. */
import {
  countDeadLetters,
  DEAD_LETTER_HEADERS,
  deadLetterId,
  type DeadLetterRecord,
  openDeadLetters,
  reasonOf,
} from "../../kafka/dead_letters.ts";
import { printable, printableBytes } from "../../runtime/printable.ts";
import type { WholeLetter } from "./read.ts";

const MAX_DETAIL = 100;
const MAX_KEY = 64;

/**
 * One line for each open letter, and how many there are of each state.
 *
 * @param reason only the letters of this reason
 */
export function listLines(
  topic: string,
  letters: Iterable<DeadLetterRecord>,
  reason?: string,
): string[] {
  const all = [...letters].filter((letter) => reason === undefined || reasonOf(letter) === reason);
  if (all.length === 0) return [`${topic}: no dead letters${reason ? ` with ${reason}` : ""}`];
  const open = openDeadLetters(all);
  const idWidth = widest(open.map(({ id }) => id));
  const reasonWidth = widest(open.map((letter) => printable(reasonOf(letter))));
  const lines = open.map((letter) =>
    [
      letter.id.padEnd(idWidth),
      printable(letter.headers[DEAD_LETTER_HEADERS.time] ?? ""),
      printable(reasonOf(letter)).padEnd(reasonWidth),
      `key ${keyText(letter.key)}`,
      printable(letter.headers[DEAD_LETTER_HEADERS.detail] ?? "", MAX_DETAIL),
    ].join("  ")
  );
  const total = { open: 0, replayed: 0, discarded: 0 };
  const counts = [...countDeadLetters(all)].sort(([a], [b]) => a < b ? -1 : 1);
  const byReason = counts.map(([name, { open, replayed, discarded }]) => {
    total.open += open;
    total.replayed += replayed;
    total.discarded += discarded;
    return `  ${printable(name)}: ${open} open, ${replayed} replayed, ${discarded} discarded`;
  });
  const { replayed, discarded } = total;
  return [
    ...lines,
    `${topic}: ${total.open} open, ${replayed} replayed, ${discarded} discarded`,
    ...byReason,
  ];
}

/** All of one letter: where it stands, its headers, and what it holds. */
export function letterLines(
  { letter, cut, source, missing }: WholeLetter,
  verdict: DeadLetterRecord["verdict"],
): string[] {
  const state = verdict ? `${verdict.what} at ${printable(verdict.time)}` : "open";
  const headers = Object.entries(letter.headers);
  const width = widest(headers.map(([name]) => printable(name)));
  return [
    `letter ${deadLetterId(letter.partition, letter.offset)} of ${letter.topic}: ${state}`,
    `key: ${keyText(letter.key)}`,
    "headers:",
    ...headers.map(([name, value]) => `  ${printable(name).padEnd(width)}  ${printable(value)}`),
    ...cut === undefined ? [] : [
      `cut in the letter: ${printable(cut)}; ` +
      (missing ? `this is what was kept, for ${missing}` : `this is the whole, from ${source}`),
    ],
    `value, ${letter.value?.length ?? 0} bytes:`,
    ...printableBytes(letter.value).map((line) => `  ${line}`),
  ];
}

/** The length of the longest; there may be more letters than a call takes arguments. */
function widest(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, text.length), 0);
}

const utf8 = new TextDecoder();

function keyText(key: Uint8Array | null): string {
  if (key === null) return "(none)";
  return printable(utf8.decode(key.subarray(0, MAX_KEY)), MAX_KEY);
}
