/** Reads from the log where a service's own outputs end, partition by partition. */
import { DEAD_LETTER_HEADERS } from "../../stream/dead_letters.ts";
import type { LogReader } from "../../stream/log_reader.ts";
import { deadLetterTopicOf, type Names, type Processor, type Topic } from "../../topology.ts";
import { topicsWrittenBy } from "../../topology.ts";
import { Places } from "../audit/books/places.ts";
import { Answers, Outputs } from "./published.ts";

/** Where the outputs of an input partition end. */
export interface Published {
  /** The first message without an answer behind the last one with an answer; else the log's end. */
  readonly next: number;
  /** Before it: see `Answers`. */
  readonly missing: { readonly first: number; readonly count: number } | undefined;
  /** Why it cannot be told; undefined where it can. */
  readonly unknown: string | undefined;
}

type Reader = Pick<LogReader, "ends" | "read" | "partitionsOf">;

/**
 * Committed records are read, of one partition number after the other: the ids of its orders are what
 * is kept in memory.
 *
 * @param inputs partition numbers by input topic
 * @returns by input topic and partition
 */
export async function readPublished(
  reader: Reader,
  names: Names,
  service: Processor,
  inputs: ReadonlyMap<Topic, readonly number[]>,
  signal: AbortSignal,
): Promise<Map<Topic, Map<number, Published>>> {
  const letters = await readLetterPlaces(reader, names.topic(deadLetterTopicOf(service)), signal);
  const found = new Map([...inputs.keys()].map((topic) => [topic, new Map<number, Published>()]));
  const numbers = new Set([...inputs.values()].flat());
  for (const partition of [...numbers].toSorted((a, b) => a - b)) {
    const outputs = new Outputs();
    for (const topic of topicsWrittenBy(service)) {
      for await (const records of read(reader, names.topic(topic), partition, signal)) {
        for (const record of records) outputs.add(topic, record);
      }
    }
    for (const [topic, partitions] of inputs) {
      if (!partitions.includes(partition)) continue;
      const answers = new Answers(service, topic, outputs, letters);
      let next = (await reader.ends(names.topic(topic))).get(partition)?.end ?? 0;
      const onPosition = (_: number, position: number) => next = position;
      for await (
        const records of read(reader, names.topic(topic), partition, signal, onPosition)
      ) {
        for (const record of records) answers.add(record);
      }
      found.get(topic)!.set(partition, {
        next: answers.open ?? next,
        missing: answers.missing,
        unknown: answers.last === undefined && answers.open !== undefined
          ? await whatIsGone(reader, names, service, partition)
          : undefined,
      });
    }
  }
  return found;
}

function read(
  reader: Reader,
  topic: string,
  partition: number,
  signal: AbortSignal,
  onPosition: (partition: number, next: number) => void = () => {},
) {
  return reader.read(topic, { partitions: [partition], signal, onPosition });
}

/** Where outputs were deleted, nobody knows whether a message that seems open was answered. */
async function whatIsGone(
  reader: Reader,
  names: Names,
  service: Processor,
  partition: number,
): Promise<string | undefined> {
  for (const topic of topicsWrittenBy(service)) {
    const name = names.topic(topic);
    const first = (await reader.ends(name)).get(partition)?.first ?? 0;
    if (first > 0) {
      return `the first ${first} offsets of its outputs, ${name}/${partition}, are deleted, and no ` +
        "answer is left of what is in the log: --to tables";
    }
  }
}

/** The messages that have a dead letter. */
async function readLetterPlaces(
  reader: Reader,
  topic: string,
  signal: AbortSignal,
): Promise<Places> {
  const places = new Places();
  if (!await reader.partitionsOf(topic)) return places;
  for await (const records of reader.read(topic, { signal })) {
    for (const { headers } of records) {
      const source = headers[DEAD_LETTER_HEADERS.topic];
      if (source === undefined) continue;
      places.add(
        source,
        Number(headers[DEAD_LETTER_HEADERS.partition]),
        Number(headers[DEAD_LETTER_HEADERS.offset]),
      );
    }
  }
  return places;
}
