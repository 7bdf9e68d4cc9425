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
  const { started, answered, ended } = watchFetches(maxGapMs, onDoubt);
  consumer.on(events.FETCH_START, ({ payload: { nodeId } }) => started(nodeId));
  onFetchAnswered(consumer, answered);
  consumer.on(events.FETCH, ({ payload: { nodeId } }) => ended(nodeId));
  onOffsetOutOfRange(consumer, onOutOfRange);
}

/** What watches fetches is told of each, one after another from each leader. */
export interface FetchWatch {
  started(nodeId: number): void;
  /** It brought something; told before `ended`. */
  answered(nodeId: number): void;
  /** However it ended. */
  ended(nodeId: number): void;
}

/**
 * @param onDoubt told when a fetch is answered after one that failed, or that was long ago
 * @param now milliseconds, of any beginning
 */
export function watchFetches(
  maxGapMs: number,
  onDoubt: () => void,
  now: () => number = () => performance.now(),
): FetchWatch {
  const fetches = new Map<number, { startedAt: number; answered: boolean; doubtful: boolean }>();
  // What a leader led may have another one by now, and the leader may never be asked again.
  const failed = (nodeId: number) => {
    const fetch = fetches.get(nodeId);
    if (fetch === undefined || fetch.answered || fetch.doubtful) return;
    for (const each of fetches.values()) each.doubtful = true;
  };
  return {
    started(nodeId) {
      failed(nodeId);
      const startedAt = now();
      const last = fetches.get(nodeId);
      const isLate = last !== undefined && startedAt - last.startedAt > maxGapMs;
      fetches.set(nodeId, { startedAt, answered: false, doubtful: isLate || !!last?.doubtful });
    },
    answered(nodeId) {
      const fetch = fetches.get(nodeId);
      if (fetch === undefined) return;
      if (fetch.doubtful) onDoubt();
      fetch.answered = true;
      fetch.doubtful = false;
    },
    ended: failed,
  };
}
