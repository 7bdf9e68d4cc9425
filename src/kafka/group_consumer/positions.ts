/**
 * How far a member of a consumer group has come in each partition. Two answers, which differ after a
 * rebalance: what this process has handled, so that nothing is handled twice, and what is still to be
 * committed for the group, of the partitions that it has now.
 */
import type { Consumer, Kafka } from "kafkajs";
import type { Logger } from "../../runtime/log.ts";
import { explain, isKafkaError } from "../client/errors.ts";
import { withLogReader } from "../readers/log_reader.ts";
import type { Member } from "../group/membership.ts";
import type { TopicPartition } from "../protocol/requests.ts";
import {
  describeUnreadable,
  ENDLESS,
  type Unreadable,
  UnreadableBatch,
} from "../protocol/unreadable.ts";

/** The next offset of a partition; the topic's name is that on the cluster. */
interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface Positions {
  /** The first offset of a partition that was not handled. */
  next(topic: string, partition: number): number;
  /** Everything of a partition below `offset` is done. */
  advance(topic: string, partition: number, offset: number): void;
  /** The log is not what it was: goes on at `offset`, which may be less. */
  move(topic: string, partition: number, offset: number): void;
  /** The topic was created anew: nothing of it counts as handled, whichever member has it. */
  forget(topic: string): void;
  /** What is to be committed. */
  uncommitted(): Position[];
  /** These were committed. */
  committed(positions: readonly Position[]): void;
  /** Other partitions may be ours now: what was not committed is read again, by its owner. */
  reassigned(): void;
}

export function createPositions(): Positions {
  const done = new Map<string, Position>();
  const toCommit = new Map<string, Position>();
  const keyOf = (topic: string, partition: number) => `${topic}/${partition}`;
  const next = (topic: string, partition: number) => done.get(keyOf(topic, partition))?.offset ?? 0;
  return {
    next,
    advance(topic, partition, offset) {
      const position = { topic, partition, offset: Math.max(offset, next(topic, partition)) };
      done.set(keyOf(topic, partition), position);
      toCommit.set(keyOf(topic, partition), position);
    },
    move(topic, partition, offset) {
      done.set(keyOf(topic, partition), { topic, partition, offset });
      toCommit.set(keyOf(topic, partition), { topic, partition, offset });
    },
    forget(topic) {
      for (const map of [done, toCommit]) {
        for (const [key, position] of map) if (position.topic === topic) map.delete(key);
      }
    },
    uncommitted: () => [...toCommit.values()],
    committed(positions) {
      for (const position of positions) {
        const key = keyOf(position.topic, position.partition);
        // It may have advanced in the meantime.
        if (toCommit.get(key) === position) toCommit.delete(key);
      }
    },
    reassigned: () => toCommit.clear(),
  };
}

/** What cannot be committed now is committed the next time, or read again. */
export async function commitPositions(
  consumer: Consumer,
  positions: Positions,
  log: Logger,
): Promise<void> {
  const uncommitted = positions.uncommitted();
  if (uncommitted.length === 0) return;
  try {
    await consumer.commitOffsets(
      uncommitted.map((position) => ({ ...position, offset: String(position.offset) })),
    );
    positions.committed(uncommitted);
  } catch (error) {
    log.debug(`offsets not committed: ${explain(error)}`);
  }
}

// Partitions of a group consumer that are paused at a batch which cannot be read and whose end is not
// known. The others go on; a paused one is tried again every few seconds.

const RETRY_MS = 5_000;

export class PausedPartitions {
  /** By topic and partition: why it is paused, and the offset it is to read next. */
  readonly #paused = new Map<
    string,
    { topic: string; partition: number; at: number; why: string }
  >();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** @param retryMs after how many milliseconds a partition is tried again */
  constructor(private readonly positions: Positions, private readonly retryMs = RETRY_MS) {}

  /** Why partitions are paused, with the way out; undefined when none is. */
  why(): string | undefined {
    for (const [key, { topic, partition, at }] of this.#paused) {
      if (this.positions.next(topic, partition) !== at) this.#paused.delete(key);
    }
    const all = [...this.#paused.values()].map(({ why }) => why);
    return all.length > 0 ? all.join("; ") : undefined;
  }

  /** Fetches nothing of the batch's partition for a while. */
  pause(
    member: Pick<Member, "pause" | "resume">,
    { topic, partition }: TopicPartition,
    why: string,
  ): void {
    const at = this.positions.next(topic, partition);
    this.#paused.set(`${topic}/${partition}`, { topic, partition, at, why });
    member.pause({ topic, partition });
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      member.resume({ topic, partition });
    }, this.retryMs);
    this.#timers.add(timer);
  }

  /** What is another member's now is not paused here. */
  assigned(assignment: Record<string, readonly number[]>): void {
    for (const [key, { topic, partition }] of this.#paused) {
      if (!assignment[topic]?.includes(partition)) this.#paused.delete(key);
    }
  }

  /** A consumer has ended: nothing of it is resumed. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

interface ConsumerState {
  /** Why it is no member of its group; undefined when it is. */
  set(reason: string | undefined): void;
  /** Logs what `notReady` tells when it has changed. */
  report(): void;
  /** Why it is not reading, or not all; undefined when it reads. */
  notReady(): string | undefined;
  stopped(): void;
}

export function createConsumerState(paused: PausedPartitions, log: Logger): ConsumerState {
  let state: string | undefined = "starting";
  let reported: string | undefined = state;
  const notReady = () => state ?? paused.why();
  const report = () => {
    const now = notReady();
    if (now === reported) return;
    if (now) log.warn(now);
    else log.info("reading");
    reported = now;
  };
  return {
    set(reason) {
      state = reason;
      report();
    },
    report,
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
  { topic, partition }: TopicPartition,
  unreadable: Unreadable,
): Promise<number | string> {
  const { offset, next, endless } = unreadable;
  const what = describeUnreadable({ topic, partition }, unreadable);
  if (endless) return `${what}; ${ENDLESS}`;
  if (next !== undefined) return next;
  try {
    const found = await withLogReader(
      kafka,
      (reader) => reader.unreadableAt(topic, partition, offset),
    );
    // It can be read now: another replica leads.
    return found?.next ?? offset;
  } catch (error) {
    if (error instanceof UnreadableBatch) return error.message;
    if (!isKafkaError(error)) throw error;
    return `${what}; looking for its end fails: ${explain(error)}; trying again`;
  }
}
