/**
 * Where a service's own outputs end: what it has answered, and the first message after that which it
 * has not. Pure: records in, an offset out.
 *
 * Of each partition a service answers one message after the other, an answer and the offset of what it
 * answers together. So whatever lies before a message that was answered was worked on, too; and the
 * first message behind the last answer that asks for one is where it stopped.
 */
import { decode } from "../../events/codec.ts";
import type { LogRecord } from "../../stream/log_reader.ts";
import type { LocatedUnreadable } from "../../stream/unreadable.ts";
import type { Processor, Topic } from "../../topology.ts";
import { DUTIES } from "../audit/books/duties.ts";
import type { Places } from "../audit/books/places.ts";
import { isReplayForAnother, markOf } from "../audit/observe/record.ts";

/** What a service has published of each order, bits of `Mark`; of the orders of one partition number. */
export class Outputs {
  readonly #marks = new Map<string, number>();

  /** @param topic the record's topic in the topology */
  add(topic: Topic, { key, value }: LogRecord): void {
    const decoded = decode(topic, key, value);
    if (!decoded.ok) return;
    const { event } = decoded;
    this.#marks.set(event.orderId, this.of(event.orderId) | markOf(event));
  }

  of(orderId: string): number {
    return this.#marks.get(orderId) ?? 0;
  }
}

type Answer = "answered" | "open" | "asks for none";

/** One partition of an input, read from its beginning on. */
export class Answers {
  readonly #met = new Set<string>();
  #last: number | undefined;
  #open: { first: number; count: number } | undefined;
  #missing: { first: number; count: number } | undefined;

  /** @param letters the messages that the service has dead letters for */
  constructor(
    private readonly service: Processor,
    private readonly topic: Topic,
    private readonly outputs: Outputs,
    private readonly letters: Places,
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

  /** A batch that cannot be read: with a letter it was skipped, else the service has come no further. */
  addUnreadable({ topic, partition, offset }: LocatedUnreadable): void {
    this.#note(offset, this.letters.has(topic, partition, offset) ? "answered" : "open");
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
    const { topic, partition, offset, key, value } = record;
    if (this.letters.has(topic, partition, offset)) return "answered";
    if (isReplayForAnother(this.service, this.topic, record)) return "asks for none";
    const decoded = decode(this.topic, key, value);
    if (!decoded.ok) return "open";
    const { orderId } = decoded.event;
    const duty = this.#dutyOf(markOf(decoded.event));
    const published = this.outputs.of(orderId);
    if (!duty || (duty.taken !== undefined && !(published & duty.taken))) return "asks for none";
    // The answer is that to the first message: a second one of the same order has a dead letter.
    const isFirst = !this.#met.has(orderId);
    this.#met.add(orderId);
    return isFirst && published & duty.answers ? "answered" : "open";
  }

  #dutyOf(mark: number) {
    return DUTIES.find(({ service, asks }) =>
      service === this.service &&
      asks.some(({ topic, events }) => topic === this.topic && events & mark)
    );
  }

  #joins(): boolean {
    return DUTIES.some(({ service, asks }) => service === this.service && asks.length > 1);
  }
}
