/** How far one topic has been read, by a reader that is a member of no group; see log_follower.ts. */
import type { LossReason } from "../../events/reasons.ts";
import { startAt } from "../log_watch/start_position.ts";
import type { LogEnd } from "../offsets/log_ends.ts";

/** What cannot be handed over. */
export interface Loss {
  /** Its name on the cluster. */
  readonly topic: string;
  /** `recreated`: the topic was deleted and created anew, and is read from its beginning. */
  readonly why: LossReason | "unreadable" | "recreated";
  /** Partitions of a topic that was created anew; else offsets. */
  readonly count: number;
}

/** Told each loss once, with a line for people. */
export type OnLoss = (line: string, loss: Loss) => void;

export class TopicPositions {
  /** The topic's id; undefined as long as no broker has told it. */
  id: string | undefined;
  /** The next offset to read, by partition. */
  readonly next = new Map<number, number>();
  /** Why it is not read, or not all of it; undefined when it is. */
  trouble: string | undefined = "starting";
  /** Where the logs began and ended when the last reading began. */
  #ends = new Map<number, LogEnd>();
  /** By partition: why it is read no further for now. */
  readonly #paused = new Map<number, string>();
  #reading = new AbortController();

  /** @param name on the cluster */
  constructor(readonly name: string, private readonly onLoss: OnLoss) {}

  /** Begins a reading, whose signal aborts when another one is to begin. */
  begin(): AbortSignal {
    this.#reading = new AbortController();
    return this.#reading.signal;
  }

  beginAgain(): void {
    this.#reading.abort();
  }

  /** The logs begin and end there now: moves the positions that are not in them any more. */
  moveInto(ends: ReadonlyMap<number, LogEnd>): void {
    this.#ends = new Map(ends);
    for (const [partition, offset] of this.next) {
      const log = ends.get(partition);
      if (!log) continue;
      const state = { clusterId: null, topicId: null, log };
      const { lost, message, offset: start } = startAt(this.name, partition, offset, state);
      if (!lost) continue;
      this.onLoss(message!, { topic: this.name, why: lost.why, count: lost.records });
      this.next.set(partition, start);
    }
  }

  advance(partition: number, offset: number): void {
    this.next.set(partition, offset);
    // A new one: nothing was there to pass when the reading began.
    if (!this.#ends.has(partition)) this.#ends.set(partition, { first: offset, end: offset });
    this.#paused.delete(partition);
    this.trouble = this.whyPaused();
  }

  pause(partition: number, why: string): void {
    this.#paused.set(partition, why);
    this.trouble = this.whyPaused();
  }

  whyPaused(): string | undefined {
    return this.#paused.size > 0 ? [...this.#paused.values()].join("; ") : undefined;
  }

  /** The topic was deleted and created anew. */
  startOver(): void {
    this.beginAgain();
    this.next.clear();
    this.#paused.clear();
    const line = `${this.name} was deleted and created anew: reading it from its beginning`;
    this.onLoss(line, { topic: this.name, why: "recreated", count: this.#ends.size });
  }

  get partitions(): number {
    return this.#ends.size;
  }

  /** Offsets passed so far. */
  get passed(): number {
    return [...this.#ends].reduce(
      (total, [partition, { first }]) => total + (this.next.get(partition) ?? first) - first,
      0,
    );
  }

  /** Offsets that there were to pass when the reading began. */
  get expected(): number {
    return [...this.#ends.values()].reduce((total, { first, end }) => total + end - first, 0);
  }
}
