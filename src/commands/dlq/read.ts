/** Reads letters from a dead-letter topic. */
import { Failure } from "../../runtime/errors.ts";
import {
  addRecord,
  DEAD_LETTER_HEADERS,
  type DeadLetterRecord,
  isDeadLetter,
  sha256,
} from "../../kafka/dead_letters.ts";
import type { LogRecord } from "../../kafka/records.ts";
import { type Processor, topicsReadBy } from "../../topology.ts";
import type { OpenLog } from "../../kafka/readers/open_log.ts";
import { printable } from "../../runtime/printable.ts";

/**
 * All letters of a topic and what became of them, by id, without what they hold.
 *
 * @throws {Failure} there is no such topic
 */
export async function readLetters(
  { reader, onUnreadable }: OpenLog,
  topic: string,
): Promise<Map<string, DeadLetterRecord>> {
  if (!await reader.partitionsOf(topic)) {
    throw new Failure(`there is no topic ${topic}: \`deno task topics\` creates it`);
  }
  const letters = new Map<string, DeadLetterRecord>();
  for await (const records of reader.read(topic, { onUnreadable })) {
    for (const record of records) addRecord(letters, record);
  }
  return letters;
}

/**
 * One letter with what it holds.
 *
 * @param id `partition@offset`
 * @throws {Failure} there is no such letter
 */
export async function readLetter(log: OpenLog, topic: string, id: string): Promise<LogRecord> {
  const [partition, offset] = id.split("@").map(Number) as [number, number];
  const ends = (await log.reader.ends(topic)).get(partition);
  if (!ends || offset < ends.first || offset >= ends.end) throw noSuchLetter(topic, id);
  const place = { partitions: [partition], from: new Map([[partition, offset]]) };
  for await (const [record] of log.reader.read(topic, place)) {
    if (record?.offset === offset && isDeadLetter(record)) return record;
    break;
  }
  throw noSuchLetter(topic, id);
}

/** A letter as its message was received. */
export interface WholeLetter {
  readonly letter: LogRecord;
  /** What was cut of it, with commas between; undefined of a letter that has it all. */
  readonly cut?: string | undefined;
  /** Where the rest was read, for people. */
  readonly source?: string | undefined;
  /** Why the rest is not to be had: `letter` is what was kept. */
  readonly missing?: string | undefined;
}

/** Reads what was cut of a letter of this service from where the message came from. */
export async function wholeOf(
  { reader, names }: OpenLog,
  service: Processor,
  letter: LogRecord,
): Promise<WholeLetter> {
  const { headers } = letter;
  const cut = headers[DEAD_LETTER_HEADERS.cut];
  if (cut === undefined) return { letter };
  const topic = headers[DEAD_LETTER_HEADERS.topic]!;
  const partition = Number(headers[DEAD_LETTER_HEADERS.partition]);
  const offset = Number(headers[DEAD_LETTER_HEADERS.offset]);
  const source = printable(`${topic}/${partition} offset ${offset}`);
  const missing = (why: string) => ({ letter, cut, missing: `${source} ${why}` });
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
      letter: { ...letter, key: record.key, value: record.value, headers: own },
      cut,
      source,
    };
  }
  return missing("is gone");
}

export function noSuchLetter(topic: string, id: string): Failure {
  return new Failure(
    `there is no letter ${id} in ${topic}: \`deno task dlq list\` shows those that are there`,
  );
}
