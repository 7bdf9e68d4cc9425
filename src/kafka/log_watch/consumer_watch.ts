/** What a consumer tells of its positions, beside the batches that it hands over. */
import type { Batch, Consumer } from "kafkajs";
import { type OffsetOutOfRange, onOffsetOutOfRange } from "../patches/consumer.ts";
import type { TopicPartition } from "../protocol/requests.ts";

export interface ConsumerWatch {
  /** Between these offsets are control records, or aborted ones, alone: no batch is handed over. */
  readonly onNothing?: (place: TopicPartition, from: number, to: number) => void;
  /** A leader was not asked for a while: what it would have said of a topic is not known. */
  readonly onGap: () => void;
  /** The partition's log does not have the offset. */
  readonly onOutOfRange: (place: OffsetOutOfRange) => void;
}

/** @param maxGapMs between two fetches from a leader, without being told */
export function watchConsumer(
  consumer: Consumer,
  maxGapMs: number,
  { onNothing, onGap, onOutOfRange }: ConsumerWatch,
): void {
  const { events } = consumer;
  consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0) return;
    const last = Number(payload.lastOffset);
    onNothing?.(payload, Number(payload.firstOffset ?? last), last + 1);
  });
  const fetchedAt = new Map<number, number>();
  consumer.on(events.FETCH_START, ({ payload: { nodeId } }) => {
    const now = performance.now();
    if (now - (fetchedAt.get(nodeId) ?? now) > maxGapMs) onGap();
    fetchedAt.set(nodeId, now);
  });
  onOffsetOutOfRange(consumer, onOutOfRange);
}

/** With what is used of kafkajs's own batch. */
export type FetchedBatch = Batch & {
  /** The offset that was asked for. */
  readonly fetchedOffset: string;
  /** Control records included. */
  readonly rawMessages: readonly unknown[];
};

/** The epoch of the leader that wrote a record; null where the log does not tell. */
export function epochOf(record: unknown): number | null {
  const { batchContext } = (record ?? {}) as { batchContext?: { partitionLeaderEpoch?: number } };
  return batchContext?.partitionLeaderEpoch ?? null;
}
