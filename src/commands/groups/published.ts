/**
 * Where a service's own outputs end: the last message that it has answered, and the first one after it
 * that asks for an answer.
 *
 * A service answers the messages of a partition one after the other, and commits each answer with the
 * offset of its message. So what lies before an answered message was processed, too, and the first
 * message without an answer behind the last answer is where the service stopped.
 */
import { decode } from "../../events/codec.ts";
import type { LogRecord } from "../../kafka/records.ts";
import type { LocatedUnreadable } from "../../kafka/protocol/unreadable.ts";
import { deadLetterTopicOf, type Processor, type Topic, topicsWrittenBy } from "../../topology.ts";
import { dutyOf, type Kind, kindOf } from "../../audit/duties.ts";
import { DEAD_LETTER_HEADERS, isReplayForAnother } from "../../kafka/dead_letters.ts";
import type { OpenLog } from "../../kafka/readers/open_log.ts";

/** What a service has published of each order; of the orders of one partition number. */
export class Outputs {
  readonly #kinds = new Map<string, Kind[]>();

  /** @param topic the record's topic in the topology */
  add(topic: Topic, { key, value }: LogRecord): void {
    const decoded = decode(topic, key, value);
    if (!decoded.ok) return;
    const { orderId } = decoded.event;
    const kinds = this.#kinds.get(orderId);
    if (kinds) kinds.push(kindOf(decoded.event));
    else this.#kinds.set(orderId, [kindOf(decoded.event)]);
  }

  has(orderId: string, kind: Kind): boolean {
    return this.#kinds.get(orderId)?.includes(kind) ?? false;
  }
}

/** Places in the log. */
export class Places {
  readonly #places = new Set<string>();

  add(topic: string, partition: number, offset: number): void {
    this.#places.add(`${topic} ${partition}@${offset}`);
  }

  has(topic: string, partition: number, offset: number): boolean {
    return this.#places.has(`${topic} ${partition}@${offset}`);
  }
}

type Answer = "answered" | "open" | "asks for none";

/** One partition of an input, read from its beginning on. */
export class Answers {
  readonly #met = new Set<string>();
  #last: number | undefined;
  #open: { first: number; count: number } | undefined;
  #missing: { first: number; count: number } | undefined;

  /** @param deadLetters the messages that the service has dead letters for */
  constructor(
    private readonly service: Processor,
    private readonly topic: Topic,
    private readonly outputs: Outputs,
    private readonly deadLetters: Places,
  ) {}

  /** The offset of the last message that was answered. */
  get last(): number | undefined {
    return this.#last;
  }

  /** The first message behind the last answer that has none. */
  get open(): number | undefined {
    return this.#open?.first;
  }

  /**
   * Messages without an answer before one with an answer: skipped by an earlier reset, or lost. A half
   * of a join is none: it waits for the other.
   */
  get missing(): { readonly first: number; readonly count: number } | undefined {
    return this.#missing;
  }

  add(record: LogRecord): void {
    this.#note(record.offset, this.#answerTo(record));
  }

  /** A batch that cannot be read: with a dead letter it was skipped, else the service is there. */
  addUnreadable({ topic, partition, offset }: LocatedUnreadable): void {
    this.#note(offset, this.deadLetters.has(topic, partition, offset) ? "answered" : "open");
  }

  #note(offset: number, answer: Answer): void {
    if (answer === "open") {
      this.#open = { first: this.#open?.first ?? offset, count: (this.#open?.count ?? 0) + 1 };
    } else if (answer === "answered") {
      this.#last = offset;
      if (this.#open && !this.#joins()) {
        const { first, count } = this.#missing ?? { first: this.#open.first, count: 0 };
        this.#missing = { first, count: count + this.#open.count };
      }
      this.#open = undefined;
    }
  }

  #answerTo(record: LogRecord): Answer {
    const { topic, partition, offset, key, value, headers } = record;
    if (this.deadLetters.has(topic, partition, offset)) return "answered";
    if (isReplayForAnother(this.service, this.topic, topic, headers)) return "asks for none";
    const decoded = decode(this.topic, key, value);
    if (!decoded.ok) return "open";
    const { orderId } = decoded.event;
    const { asks, taken, answers } = dutyOf(this.service, this.topic);
    const kind = kindOf(decoded.event);
    if (!asks.some(({ topic, kinds }) => topic === this.topic && kinds.includes(kind))) {
      return "asks for none";
    }
    if (taken !== undefined && !this.outputs.has(orderId, taken)) return "asks for none";
    // The answer is that to the first message: a second one of the same order has a dead letter.
    const isFirst = !this.#met.has(orderId);
    this.#met.add(orderId);
    const isAnswered = answers.some((answer) => this.outputs.has(orderId, answer));
    return isFirst && isAnswered ? "answered" : "open";
  }

  #joins(): boolean {
    return dutyOf(this.service, this.topic).asks.length > 1;
  }
}

/** Where the outputs of an input partition end. */
export interface Published {
  /** The first message without an answer behind the last one with an answer; else the log's end. */
  readonly next: number;
  /** Before it: see `Answers`. */
  readonly missing: { readonly first: number; readonly count: number } | undefined;
  /** Why it is unknown; undefined where it is known. */
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
  const deadLetters = await readDeadLetterPlaces(
    log,
    names.topic(deadLetterTopicOf(service)),
    signal,
  );
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
      const answers = new Answers(service, topic, outputs, deadLetters);
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

/** Where outputs were deleted, a message that seems open may have been answered. */
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
async function readDeadLetterPlaces(
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
