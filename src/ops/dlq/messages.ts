/**
 * What a verdict on a letter publishes. Pure.
 *
 * A replay is the message as it was received, to where it was received, and the verdict: both in one
 * transaction, so that a letter is replayed once or is still open.
 */
import { DEAD_LETTER_HEADERS, REPLAYED_FROM, VERDICT_HEADERS } from "../../stream/dead_letters.ts";
import type { LogRecord } from "../../stream/log_reader.ts";
import type { Addressed } from "../../stream/transaction.ts";
import { letterId, type Verdict } from "./letters.ts";

const OUR_HEADERS = /^dlq-/;

/** The message that says what was done with a letter, for the letter's own topic. */
export function verdictMessage(letter: LogRecord, what: Verdict, time: string): Addressed {
  return {
    topic: letter.topic,
    partition: letter.partition,
    key: letter.key,
    value: null,
    headers: {
      [VERDICT_HEADERS.verdict]: what,
      [VERDICT_HEADERS.partition]: String(letter.partition),
      [VERDICT_HEADERS.offset]: String(letter.offset),
      [VERDICT_HEADERS.time]: time,
    },
  };
}

/**
 * The message that the letter is about, for where it came from: same key, value and headers, and one
 * header that says that it is a replay.
 *
 * @param sources the topics that a letter of this service can come from, names on the cluster, and
 * how many partitions each has
 * @returns undefined when the letter does not say a place that it can come from
 */
export function replayMessage(
  letter: LogRecord,
  sources: ReadonlyMap<string, number>,
): Addressed | undefined {
  const topic = letter.headers[DEAD_LETTER_HEADERS.topic] ?? "";
  const partition = letter.headers[DEAD_LETTER_HEADERS.partition] ?? "";
  const partitions = sources.get(topic) ?? 0;
  if (!/^\d{1,9}$/.test(partition) || Number(partition) >= partitions) return undefined;
  const headers = Object.fromEntries(
    Object.entries(letter.headers).filter(([name]) => !OUR_HEADERS.test(name)),
  );
  const from = `${letter.topic} ${letterId(letter.partition, letter.offset)}`;
  return {
    topic,
    partition: Number(partition),
    key: letter.key,
    value: letter.value,
    headers: { ...headers, [REPLAYED_FROM]: from },
  };
}
