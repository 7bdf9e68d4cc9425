/**
 * Replays or discards letters.
 *
 * Two people at once: the transactional.id `<prefix>dlq-<service>` is a lock. Whoever opens it last
 * has it; the other's transactions fail. The letters are read after taking it, and a verdict is in
 * the same transaction as what it says was done: so nobody replays a letter that somebody else just
 * replayed.
 */
import type { DeadLetterReason } from "../../events/reasons.ts";
import { Failure } from "../../runtime/errors.ts";
import {
  DEAD_LETTER_HEADERS,
  deadLetterId,
  type DeadLetterRecord,
  openDeadLetters,
  reasonOf,
  REPLAYED_FROM,
  type Resolution,
  RESOLUTION_HEADERS,
} from "../../kafka/dead_letters.ts";
import type { LogRecord } from "../../kafka/records.ts";
import {
  Fenced,
  openTransactionalSender,
  type ProducerRecord,
} from "../../kafka/producer/transactional_sender.ts";
import { deadLetterTopicOf, type Processor, topicsReadBy } from "../../topology.ts";
import type { OpenLog } from "../../kafka/readers/open_log.ts";
import { printable } from "../../runtime/printable.ts";
import { noSuchLetter, readLetters, wholeOf } from "./read.ts";

/** One letter, or all that are open (of one reason, if it is given). */
export type Selection = { readonly id: string } | { readonly reason?: string };

const UNREADABLE: DeadLetterReason = "unreadable";

type Sources = ReadonlyMap<string, number>;

/** What is kept in memory and written in one transaction, give or take one letter. */
const MAX_LETTERS = 100;
const MAX_BYTES = 256 * 1024;

/**
 * @returns how many letters were settled
 * @throws {Failure} no such letter, one that is not open, one that cannot be replayed, or somebody
 * else at work on the same letters; what was settled before that stays settled
 */
export async function resolveDeadLetters(log: OpenLog, service: Processor, options: {
  verdict: Resolution;
  selection: Selection;
  signal: AbortSignal;
  /** The clock, ISO 8601. */
  now: () => string;
}): Promise<number> {
  const { verdict, selection, signal, now } = options;
  const topic = log.names.topic(deadLetterTopicOf(service));
  const sender = await openTransactionalSender(log.kafka, `${log.names.prefix}dlq-${service}`);
  let settled = 0;
  try {
    const chosen = choose(await readLetters(log, topic), topic, selection, verdict);
    const sources = await sourcesOf(service, log);
    for await (const letters of inBatches(log, topic, chosen)) {
      if (signal.aborted) throw new Failure(`stopped; ${settled} of ${chosen.length} ${verdict}`);
      const messages: ProducerRecord[] = [];
      for (const letter of letters) {
        if (verdict === "replayed") {
          messages.push(replayOf(await wholeLetter(log, service, letter), sources));
        }
        messages.push(resolutionMessage(letter, verdict, now()));
      }
      await sender.send(messages);
      settled += letters.length;
    }
    return settled;
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
    throw new Failure(
      `somebody else is at work on the letters of ${topic}: ${settled} were ${verdict}, the others ` +
        "are as they were; try again",
    );
  } finally {
    await sender.close();
  }
}

function choose(
  letters: ReadonlyMap<string, DeadLetterRecord>,
  topic: string,
  selection: Selection,
  verdict: Resolution,
): DeadLetterRecord[] {
  const isBatch = (letter: DeadLetterRecord) =>
    verdict === "replayed" && reasonOf(letter) === UNREADABLE;
  if (!("id" in selection)) {
    return openDeadLetters(letters.values(), selection.reason).filter((letter) => !isBatch(letter));
  }
  const letter = letters.get(selection.id);
  if (!letter) throw noSuchLetter(topic, selection.id);
  if (letter.verdict) {
    const { what, time } = letter.verdict;
    throw new Failure(`letter ${letter.id} of ${topic} was already ${what}, at ${printable(time)}`);
  }
  if (isBatch(letter)) {
    throw new Failure(
      `letter ${letter.id} of ${topic} is of a batch that cannot be read: there is no message in it ` +
        "to replay; `deno task dlq discard` settles it",
    );
  }
  return [letter];
}

/** @throws {Failure} it was cut, and its source is gone */
async function wholeLetter(
  log: OpenLog,
  service: Processor,
  letter: LogRecord,
): Promise<LogRecord> {
  const whole = await wholeOf(log, service, letter);
  if (whole.missing === undefined) return whole.letter;
  throw new Failure(
    `letter ${deadLetterId(letter.partition, letter.offset)} of ${letter.topic} was cut (${
      printable(whole.cut!)
    }) and cannot be replayed: ${whole.missing}`,
  );
}

/** The chosen letters with what they hold, read again in the order of the log. */
async function* inBatches(
  { reader, onUnreadable }: OpenLog,
  topic: string,
  chosen: readonly DeadLetterRecord[],
): AsyncGenerator<LogRecord[]> {
  const left = new Set(chosen.map(({ id }) => id));
  const from = new Map<number, number>();
  for (const { partition, offset } of chosen) {
    if (!from.has(partition)) from.set(partition, offset);
  }
  let batch: LogRecord[] = [];
  let length = 0;
  for await (
    const records of reader.read(topic, { partitions: [...from.keys()], from, onUnreadable })
  ) {
    for (const record of records) {
      if (!left.delete(deadLetterId(record.partition, record.offset))) continue;
      batch.push(record);
      // Of one that was cut, what a replay will read.
      length += Number(record.headers[DEAD_LETTER_HEADERS.valueBytes] ?? record.value?.length ?? 0);
      if (batch.length < MAX_LETTERS && length < MAX_BYTES) continue;
      yield batch;
      batch = [];
      length = 0;
    }
    if (left.size === 0) break;
  }
  if (batch.length > 0) yield batch;
}

/** Where a letter of this service can come from, and how many partitions each topic has. */
async function sourcesOf(service: Processor, { reader, names }: OpenLog): Promise<Sources> {
  const sources = new Map<string, number>();
  for (const topic of topicsReadBy(service).map((source) => names.topic(source))) {
    sources.set(topic, (await reader.partitionsOf(topic))?.length ?? 0);
  }
  return sources;
}

function replayOf(letter: LogRecord, sources: Sources): ProducerRecord {
  const message = replayMessage(letter, sources);
  if (message) return message;
  const { topic, partition } = DEAD_LETTER_HEADERS;
  const source = `${letter.headers[topic]} partition ${letter.headers[partition]}`;
  const expected = [...sources].map(([name, count]) => `${name} (${count} partitions)`).join(", ");
  const id = deadLetterId(letter.partition, letter.offset);
  throw new Failure(
    `letter ${id} of ${letter.topic} cannot be replayed: it says that it came from ` +
      `${printable(source)}, expected ${expected}`,
  );
}

/**
 * What a verdict on a letter publishes. Pure.
 *
 * A replay is the message as it was received, to where it was received, and the verdict: both in one
 * transaction, so that a letter is replayed once or is still open.
 */

const OUR_HEADERS = /^dlq-/;

/** The message that says what was done with a letter, for the letter's own topic. */
export function resolutionMessage(
  letter: LogRecord,
  what: Resolution,
  time: string,
): ProducerRecord {
  return {
    topic: letter.topic,
    partition: letter.partition,
    key: letter.key,
    value: null,
    headers: {
      [RESOLUTION_HEADERS.verdict]: what,
      [RESOLUTION_HEADERS.partition]: String(letter.partition),
      [RESOLUTION_HEADERS.offset]: String(letter.offset),
      [RESOLUTION_HEADERS.time]: time,
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
): ProducerRecord | undefined {
  const topic = letter.headers[DEAD_LETTER_HEADERS.topic] ?? "";
  const partition = letter.headers[DEAD_LETTER_HEADERS.partition] ?? "";
  const partitions = sources.get(topic) ?? 0;
  if (!/^\d{1,9}$/.test(partition) || Number(partition) >= partitions) return undefined;
  const headers = Object.fromEntries(
    Object.entries(letter.headers).filter(([name]) => !OUR_HEADERS.test(name)),
  );
  const from = `${letter.topic} ${deadLetterId(letter.partition, letter.offset)}`;
  return {
    topic,
    partition: Number(partition),
    key: letter.key,
    value: letter.value,
    headers: { ...headers, [REPLAYED_FROM]: from },
  };
}
