/**
 * Replays or discards dead letters.
 *
 * Two people at once: the transactional.id `<prefix>dlq-<service>` is a lock. Whoever opens it last
 * has it; the other's transactions fail. The dead letters are read after taking it, and a resolution
 * is in the same transaction as what it says was done, so that nothing is replayed twice.
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
import { noSuchDeadLetter, readDeadLetters, wholeOf } from "./read.ts";

/** One dead letter, or all that are open (of one reason, if it is given). */
export type Selection = { readonly id: string } | { readonly reason?: string | undefined };

const UNREADABLE: DeadLetterReason = "unreadable";

/** How many partitions each topic has that dead letters can come from; names on the cluster. */
type Sources = ReadonlyMap<string, number>;

/** What is kept in memory and written in one transaction, give or take one dead letter. */
const MAX_DEAD_LETTERS = 100;
const MAX_BYTES = 256 * 1024;

/**
 * @returns how many dead letters were resolved
 * @throws {Failure} no such dead letter, one that is not open, one that cannot be replayed, or somebody
 * else at work on the same ones; what was resolved before that stays resolved
 */
export async function resolveDeadLetters(log: OpenLog, service: Processor, options: {
  resolution: Resolution;
  selection: Selection;
  signal: AbortSignal;
  /** The clock, ISO 8601. */
  now: () => string;
}): Promise<number> {
  const { resolution, selection, signal, now } = options;
  const topic = log.names.topic(deadLetterTopicOf(service));
  const sender = await openTransactionalSender(log.kafka, `${log.names.prefix}dlq-${service}`);
  let resolved = 0;
  try {
    const chosen = choose(await readDeadLetters(log, topic), service, {
      topic,
      selection,
      resolution,
    });
    const sources = await sourcesOf(service, log);
    for await (const batch of inBatches(log, topic, chosen)) {
      if (signal.aborted) {
        throw new Failure(`stopped; ${resolved} of ${chosen.length} ${resolution}`);
      }
      const messages: ProducerRecord[] = [];
      for (const deadLetter of batch) {
        if (resolution === "replayed") {
          messages.push(replayOf(await wholeMessage(log, service, deadLetter), sources));
        }
        messages.push(resolutionMessage(deadLetter, resolution, now()));
      }
      await sender.send(messages);
      resolved += batch.length;
    }
    return resolved;
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
    throw new Failure(
      `another process is resolving the dead letters of ${topic}: ${resolved} were ${resolution}, the ` +
        "others are as they were; try again",
    );
  } finally {
    await sender.close();
  }
}

function choose(
  deadLetters: ReadonlyMap<string, DeadLetterRecord>,
  service: Processor,
  { topic, selection, resolution }: {
    topic: string;
    selection: Selection;
    resolution: Resolution;
  },
): DeadLetterRecord[] {
  const hasNoMessage = (deadLetter: DeadLetterRecord) =>
    resolution === "replayed" && reasonOf(deadLetter) === UNREADABLE;
  if (!("id" in selection)) {
    return openDeadLetters(deadLetters.values(), selection.reason)
      .filter((deadLetter) => !hasNoMessage(deadLetter));
  }
  const { id } = selection;
  const deadLetter = deadLetters.get(id);
  if (!deadLetter) throw noSuchDeadLetter(topic, service, id);
  if (deadLetter.resolution) {
    const { what, time } = deadLetter.resolution;
    throw new Failure(`dead letter ${id} of ${topic} was already ${what}, at ${printable(time)}`);
  }
  if (hasNoMessage(deadLetter)) {
    throw new Failure(
      `dead letter ${id} of ${topic} is a batch that cannot be read: it holds no message to replay; ` +
        `\`deno task dlq discard ${service} ${id}\` resolves it`,
    );
  }
  return [deadLetter];
}

/** @throws {Failure} it was cut, and its source is gone */
async function wholeMessage(
  log: OpenLog,
  service: Processor,
  record: LogRecord,
): Promise<LogRecord> {
  const { deadLetter, cut, missing } = await wholeOf(log, service, record);
  if (missing === undefined) return deadLetter;
  throw new Failure(
    `${nameOf(record)} was cut (${printable(cut!)}) and cannot be replayed: ${missing}`,
  );
}

function nameOf({ topic, partition, offset }: LogRecord): string {
  return `dead letter ${deadLetterId(partition, offset)} of ${topic}`;
}

/** The chosen dead letters with what they hold, read again in the order of the log. */
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
      if (batch.length < MAX_DEAD_LETTERS && length < MAX_BYTES) continue;
      yield batch;
      batch = [];
      length = 0;
    }
    if (left.size === 0) break;
  }
  if (batch.length > 0) yield batch;
}

/** Where a dead letter of this service can come from, and how many partitions each topic has. */
async function sourcesOf(service: Processor, { reader, names }: OpenLog): Promise<Sources> {
  const sources = new Map<string, number>();
  for (const topic of topicsReadBy(service).map((source) => names.topic(source))) {
    sources.set(topic, (await reader.partitionsOf(topic))?.length ?? 0);
  }
  return sources;
}

function replayOf(deadLetter: LogRecord, sources: Sources): ProducerRecord {
  const message = replayMessage(deadLetter, sources);
  if (message) return message;
  const { topic, partition } = DEAD_LETTER_HEADERS;
  const source = `${deadLetter.headers[topic]} partition ${deadLetter.headers[partition]}`;
  const expected = [...sources].map(([name, count]) => `${name} (${count} partitions)`).join(", ");
  throw new Failure(
    `${nameOf(deadLetter)} cannot be replayed: it says that it came from ${printable(source)}, ` +
      `expected ${expected}`,
  );
}

/** The message that says what was done with a dead letter, for its own topic. */
export function resolutionMessage(
  { topic, partition, offset, key }: LogRecord,
  resolution: Resolution,
  time: string,
): ProducerRecord {
  return {
    topic,
    partition,
    key,
    value: null,
    headers: {
      [RESOLUTION_HEADERS.resolution]: resolution,
      [RESOLUTION_HEADERS.partition]: String(partition),
      [RESOLUTION_HEADERS.offset]: String(offset),
      [RESOLUTION_HEADERS.time]: time,
    },
  };
}

const OUR_HEADERS = /^dlq-/;

/**
 * The message that failed, for where it was received: same key, value and headers, and one header that
 * says that it is a replay.
 *
 * @returns undefined for one that came from where its service does not read
 */
export function replayMessage(
  { topic, partition, offset, key, value, headers }: LogRecord,
  sources: Sources,
): ProducerRecord | undefined {
  const source = headers[DEAD_LETTER_HEADERS.topic] ?? "";
  const number = headers[DEAD_LETTER_HEADERS.partition] ?? "";
  if (!/^\d{1,9}$/.test(number) || Number(number) >= (sources.get(source) ?? 0)) return undefined;
  const own = Object.fromEntries(
    Object.entries(headers).filter(([name]) => !OUR_HEADERS.test(name)),
  );
  return {
    topic: source,
    partition: Number(number),
    key,
    value,
    headers: { ...own, [REPLAYED_FROM]: `${topic} ${deadLetterId(partition, offset)}` },
  };
}
