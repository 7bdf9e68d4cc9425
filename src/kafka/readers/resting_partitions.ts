/**
 * Partitions of a tail that rest at a batch which cannot be read, and of which nobody knows where it
 * ends. The others go on; a resting one is tried again every few seconds.
 */
import type { Batch, EachBatchPayload, Kafka } from "kafkajs";
import type { Logger } from "../../runtime/log.ts";
import { isKafkaError } from "../client/errors.ts";
import { explain } from "../client/errors.ts";
import { openLogReader } from "./log_reader.ts";
import type { Positions } from "./positions.ts";
import { ENDLESS, sentenceOf, type Unreadable, UnreadableBatch } from "../protocol/unreadable.ts";

const RETRY_MS = 5_000;

export class PausedPartitions {
  /** By topic and partition: why it rests, and the offset it is to read next. */
  readonly #rests = new Map<
    string,
    { topic: string; partition: number; at: number; why: string }
  >();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** @param retryMs after how many milliseconds a partition is tried again */
  constructor(private readonly positions: Positions, private readonly retryMs = RETRY_MS) {}

  /** Why partitions rest, with the way out; undefined when none does. */
  why(): string | undefined {
    for (const [key, { topic, partition, at }] of this.#rests) {
      if (this.positions.next(topic, partition) !== at) this.#rests.delete(key);
    }
    const all = [...this.#rests.values()].map(({ why }) => why);
    return all.length > 0 ? all.join("; ") : undefined;
  }

  /** Fetches nothing of the batch's partition for a while. */
  rest({ batch: { topic, partition }, pause }: EachBatchPayload, why: string): void {
    const at = this.positions.next(topic, partition);
    this.#rests.set(`${topic}/${partition}`, { topic, partition, at, why });
    const resume = pause();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      resume();
    }, this.retryMs);
    this.#timers.add(timer);
  }

  /** What is another member's now does not rest here. */
  assigned(assignment: Record<string, readonly number[]>): void {
    for (const [key, { topic, partition }] of this.#rests) {
      if (!assignment[topic]?.includes(partition)) this.#rests.delete(key);
    }
  }

  /** A consumer has ended: nothing of it is resumed. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

export interface ConsumerState {
  /** Why it is no member of its group; undefined when it is. */
  set(reason: string | undefined): void;
  /** Says it when what `notReady` tells has changed. */
  tell(): void;
  /** Why it is not reading, or not all; undefined when it reads. */
  notReady(): string | undefined;
  stopped(): void;
}

export function createConsumerState(rests: PausedPartitions, log: Logger): ConsumerState {
  let state: string | undefined = "starting";
  let told: string | undefined = state;
  const notReady = () => state ?? rests.why();
  const tell = () => {
    const now = notReady();
    if (now === told) return;
    if (now) log.warn(now);
    else log.info("reading");
    told = now;
  };
  return {
    set(reason) {
      state = reason;
      tell();
    },
    tell,
    notReady,
    stopped: () => void (state = "stopped"),
  };
}

/**
 * The offset after a batch that cannot be read; what is behind it in the log may have to tell.
 *
 * @returns why it cannot be told, with the way out, where nothing tells it
 */
export async function endOf(
  kafka: Kafka,
  { topic, partition }: Pick<Batch, "topic" | "partition">,
  unreadable: Unreadable,
): Promise<number | string> {
  const { offset, next, endless } = unreadable;
  const what = sentenceOf({ topic, partition }, unreadable);
  if (endless) return `${what}; ${ENDLESS}`;
  if (next !== undefined) return next;
  try {
    const reader = await openLogReader(kafka);
    try {
      const found = await reader.unreadableAt(topic, partition, offset);
      // It can be read now: another replica leads.
      return found?.next ?? offset;
    } finally {
      await reader.close();
    }
  } catch (error) {
    if (error instanceof UnreadableBatch) return error.message;
    if (!isKafkaError(error)) throw error;
    return `${what}; looking for its end fails: ${explain(error)}; trying again`;
  }
}
