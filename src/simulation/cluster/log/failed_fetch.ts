import type { FetchedPartition } from "../requests.ts";

/** What a fetch brings of a partition that cannot be read here: a code, and nothing else. */
export function failedFetch(topic: string, partition: number, code: number): FetchedPartition {
  return {
    topic,
    partition,
    code,
    highWatermark: -1,
    lastStableOffset: -1,
    logStart: -1,
    batches: [],
    aborted: [],
  };
}
