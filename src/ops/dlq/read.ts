/** Reads letters from a dead-letter topic. */
import { Failure } from "../../runtime/program.ts";
import type { LogRecord } from "../../stream/log_reader.ts";
import type { OpenLog } from "../open_log.ts";
import { addRecord, isLetter, type Letter } from "./letters.ts";

/**
 * All letters of a topic and what became of them, by id, without what they hold.
 *
 * @throws {Failure} there is no such topic
 */
export async function readLetters(
  { reader }: OpenLog,
  topic: string,
): Promise<Map<string, Letter>> {
  if (!await reader.partitionsOf(topic)) {
    throw new Failure(`there is no topic ${topic}: \`deno task topics\` creates it`);
  }
  const letters = new Map<string, Letter>();
  for await (const records of reader.read(topic)) {
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
    if (record?.offset === offset && isLetter(record)) return record;
    break;
  }
  throw noSuchLetter(topic, id);
}

export function noSuchLetter(topic: string, id: string): Failure {
  return new Failure(
    `there is no letter ${id} in ${topic}: \`deno task dlq list\` shows those that are there`,
  );
}
