/** Reads from the log where a service's own outputs end, partition by partition. */
import { DEAD_LETTER_HEADERS } from "../../stream/dead_letters.ts";
import { deadLetterTopicOf, type Processor, type Topic } from "../../topology.ts";
import { topicsWrittenBy } from "../../topology.ts";
import type { OpenLog } from "../open_log.ts";
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

type Log = Pick<OpenLog, "names" | "onUnreadable"> & {
  readonly reader: Pick<OpenLog["reader"], "ends" | "read" | "partitionsOf">;
};

/**
 * Committed records are read, of one partition number after the other: the ids of its orders are what
 * is kept in memory.
 *
 * @param inputs partition numbers by input topic
 * @returns by input topic and partition
 */
export async function readPublished(
  log: Log,
  service: Processor,
  inputs: ReadonlyMap<Topic, readonly number[]>,
  signal: AbortSignal,
): Promise<Map<Topic, Map<number, Published>>> {
  const { reader, names, onUnreadable } = log;
  const letters = await readLetterPlaces(log, names.topic(deadLetterTopicOf(service)), signal);
  const found = new Map([...inputs.keys()].map((topic) => [topic, new Map<number, Published>()]));
  const numbers = new Set([...inputs.values()].flat());
  for (const partition of [...numbers].toSorted((a, b) => a - b)) {
    const place = { partitions: [partition], signal };
    const outputs = new Outputs();
    for (const topic of topicsWrittenBy(service)) {
      for await (const records of reader.read(names.topic(topic), { ...place, onUnreadable })) {
        for (const record of records) outputs.add(topic, record);
      }
    }
    for (const [topic, partitions] of inputs) {
      if (!partitions.includes(partition)) continue;
      const answers = new Answers(service, topic, outputs, letters);
      let next = (await reader.ends(names.topic(topic))).get(partition)?.end ?? 0;
      const records = reader.read(names.topic(topic), {
        ...place,
        onPosition: (_, position) => next = position,
        onUnreadable(batch) {
          onUnreadable(batch);
          answers.addUnreadable(batch);
        },
      });
      for await (const some of records) for (const record of some) answers.add(record);
      found.get(topic)!.set(partition, {
        next: answers.open ?? next,
        missing: answers.missing,
        unknown: answers.last === undefined && answers.open !== undefined
          ? await whatIsGone(log, service, partition)
          : undefined,
      });
    }
  }
  return found;
}

/** Where outputs were deleted, nobody knows whether a message that seems open was answered. */
async function whatIsGone(
  { reader, names }: Log,
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
  { reader, onUnreadable }: Log,
  topic: string,
  signal: AbortSignal,
): Promise<Places> {
  const places = new Places();
  if (!await reader.partitionsOf(topic)) return places;
  for await (const records of reader.read(topic, { signal, onUnreadable })) {
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
