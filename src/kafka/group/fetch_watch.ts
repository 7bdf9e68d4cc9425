/** What a consumer of kafkajs tells of its fetches. */
import type { Consumer } from "kafkajs";
import { onFetchAnswered, onOffsetOutOfRange } from "../patches/consumer.ts";
import type { PositionEvents } from "./membership.ts";

/** @param maxGapMs between two fetches from a leader, without being told */
export function watchConsumer(
  consumer: Consumer,
  maxGapMs: number,
  { onNothing, onDoubt, onOutOfRange }: PositionEvents,
): void {
  const { events } = consumer;
  consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0) return;
    const last = Number(payload.lastOffset);
    onNothing?.(payload, Number(payload.firstOffset ?? last), last + 1);
  });
  const { started, answered } = watchFetches(maxGapMs, onDoubt);
  consumer.on(events.FETCH_START, ({ payload: { nodeId } }) => started(nodeId));
  onFetchAnswered(consumer, answered);
  onOffsetOutOfRange(consumer, onOutOfRange);
}

/**
 * Fetches, one after another from each leader; one that fails, or has nothing to ask for, is started only.
 *
 * @param now milliseconds, of any beginning
 */
export function watchFetches(
  maxGapMs: number,
  onDoubt: () => void,
  now: () => number = () => performance.now(),
): { started: (nodeId: number) => void; answered: (nodeId: number) => void } {
  const fetches = new Map<number, { startedAt: number; answered: boolean; doubtful: boolean }>();
  return {
    started(nodeId) {
      const startedAt = now();
      const last = fetches.get(nodeId);
      const { doubtful = false } = last ?? {};
      const isLate = last !== undefined && startedAt - last.startedAt > maxGapMs;
      const failed = last !== undefined && !last.answered;
      fetches.set(nodeId, { startedAt, answered: false, doubtful: doubtful || isLate || failed });
      // What it led may have another leader by now. Once, however often it fails.
      if (failed && !doubtful) { for (const fetch of fetches.values()) fetch.doubtful = true; }
    },
    answered(nodeId) {
      const fetch = fetches.get(nodeId);
      if (fetch === undefined) return;
      if (fetch.doubtful) onDoubt();
      fetch.answered = true;
      fetch.doubtful = false;
    },
  };
}
