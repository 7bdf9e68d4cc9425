/** Reads dead letters from their topic. */
import { Failure } from "../../runtime/errors.ts";
import {
  addRecord,
  DEAD_LETTER_HEADERS,
  type DeadLetterRecord,
  isDeadLetter,
  sha256,
} from "../../kafka/dead_letters.ts";
import type { LogRecord } from "../../kafka/records.ts";
import { deadLetterTopicOf, type Processor, topicsReadBy } from "../../topology.ts";
import type { OpenLog } from "../../kafka/readers/open_log.ts";
import { printable } from "../../runtime/printable.ts";

/**
 * All dead letters of a topic and what became of them, by id, without what they hold.
 *
 * @throws {Failure} there is no such topic
 */
export async function readDeadLetters(
  { reader, onUnreadable }: OpenLog,
  topic: string,
): Promise<Map<string, DeadLetterRecord>> {
  if (!await reader.partitionsOf(topic)) {
    throw new Failure(`there is no topic ${topic}: \`deno task topics\` creates it`);
  }
  const deadLetters = new Map<string, DeadLetterRecord>();
  for await (const records of reader.read(topic, { onUnreadable })) {
    for (const record of records) addRecord(deadLetters, record);
  }
  return deadLetters;
}

/**
 * One dead letter with what it holds.
 *
 * @param id `partition@offset`
 * @throws {Failure} there is no such dead letter
 */
export async function readDeadLetter(
  log: OpenLog,
  service: Processor,
  id: string,
): Promise<LogRecord> {
  const topic = log.names.topic(deadLetterTopicOf(service));
  const [partition, offset] = id.split("@").map(Number) as [number, number];
  const ends = (await log.reader.ends(topic)).get(partition);
  if (!ends || offset < ends.first || offset >= ends.end) {
    throw noSuchDeadLetter(topic, service, id);
  }
  const place = { partitions: [partition], from: new Map([[partition, offset]]) };
  for await (const [record] of log.reader.read(topic, place)) {
    if (record?.offset === offset && isDeadLetter(record)) return record;
    break;
  }
  throw noSuchDeadLetter(topic, service, id);
}

/** A dead letter as its message was received. */
export interface WholeDeadLetter {
  readonly deadLetter: LogRecord;
  /** What was cut of it, with commas between; undefined for one that has it all. */
  readonly cut?: string | undefined;
  /** Where the rest was read, for people. */
  readonly source?: string | undefined;
  /** Why the rest cannot be read: `deadLetter` is what was kept. */
  readonly missing?: string | undefined;
}

/** Reads what was cut of a dead letter of this service from where its message came from. */
export async function wholeOf(
  { reader, names }: OpenLog,
  service: Processor,
  deadLetter: LogRecord,
): Promise<WholeDeadLetter> {
  const { headers } = deadLetter;
  const cut = headers[DEAD_LETTER_HEADERS.cut];
  if (cut === undefined) return { deadLetter };
  const topic = headers[DEAD_LETTER_HEADERS.topic]!;
  const partition = Number(headers[DEAD_LETTER_HEADERS.partition]);
  const offset = Number(headers[DEAD_LETTER_HEADERS.offset]);
  const source = printable(`${topic}/${partition} offset ${offset}`);
  const missing = (why: string) => ({ deadLetter, cut, missing: `${source} ${why}` });
  if (!topicsReadBy(service).some((name) => names.topic(name) === topic)) {
    return missing(`is nothing that ${service} reads`);
  }
  const ends = await reader.partitionsOf(topic) && (await reader.ends(topic)).get(partition);
  if (!ends) return missing("is not there: the topic has no such partition any more");
  if (offset < ends.first) return missing(`is gone: the log begins at offset ${ends.first} now`);
  if (!(offset < ends.end)) return missing(`is not there: the log ends at offset ${ends.end}`);
  const place = { partitions: [partition], from: new Map([[partition, offset]]) };
  for await (const [record] of reader.read(topic, place)) {
    if (record?.offset !== offset) break;
    if (sha256(record.value) !== headers[DEAD_LETTER_HEADERS.valueSha256]) {
      return missing("is another message: the topic was made anew since");
    }
    const own = { ...record.headers, ...headers };
    return {
      deadLetter: { ...deadLetter, key: record.key, value: record.value, headers: own },
      cut,
      source,
    };
  }
  return missing("is gone");
}

export function noSuchDeadLetter(topic: string, service: Processor, id: string): Failure {
  return new Failure(
    `there is no dead letter ${id} in ${topic}: \`deno task dlq list ${service}\` shows those that ` +
      "are there",
  );
}
