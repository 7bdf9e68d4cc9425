/**
 * How far a member of a consumer group has come in each partition. Two answers, which differ after a
 * rebalance: what this process has handled, so that nothing is handled twice, and what is still to be
 * committed for the group, of the partitions that it has now.
 */
import type { Consumer } from "kafkajs";
import type { Logger } from "../../runtime/log.ts";
import { explain } from "../client/errors.ts";

/** The next offset of a partition; the topic's name is that on the cluster. */
export interface Position {
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
  /** The topic was created anew: what was handled of it counts for nothing, whoever has it now. */
  forget(topic: string): void;
  /** What is to be committed. */
  uncommitted(): Position[];
  /** These were committed. */
  committed(positions: readonly Position[]): void;
  /** Other partitions may be ours now: what was not committed is read again, by whoever has it. */
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
