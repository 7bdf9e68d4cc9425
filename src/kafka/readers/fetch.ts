/**
 * One fetch of a topic from the leaders of its partitions, and the committed records in its answers.
 *
 * kafkajs has no such reader (its consumer always needs a group), but its cluster finds leaders and
 * fetches.
 */
import "../patches/patches.ts";
import type { Broker, Cluster } from "../client/cluster.ts";
import { dropConnections } from "../patches/connection.ts";
import { LeaderUnknown } from "../offsets/log_ends.ts";
import { type FetchedPartition, ReadCommittedBatch } from "../protocol/read_committed.ts";
import { type Unreadable, unreadableOf } from "../protocol/unreadable.ts";
import type { DecodedRecord } from "../protocol/record.ts";

/** With what is used of kafkajs's brokers here. */
export interface FetchCluster extends Cluster {
  findBroker(node: { nodeId: string }): Promise<FetchBroker>;
}

interface FetchBroker extends Broker {
  fetch(request: {
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    limitsSent: boolean;
    isolationLevel: number;
    topics: {
      topic: string;
      partitions: { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }): Promise<{ responses: { topicName: string; partitions: PartitionData[] }[] }>;
}

export interface PartitionData extends FetchedPartition {
  /** The broker shows nothing from here on: a transaction is open there, or the log ends. */
  readonly lastStableOffset: string;
}

/** What a fetch brought of one partition. */
export interface Fetched {
  /** Up to the end, or to the batch that cannot be read. */
  readonly records: readonly DecodedRecord[];
  /** The next offset to read, behind control and aborted records, too. */
  readonly next: number;
  /** The batch that comes next, where it cannot be read. */
  readonly unreadable: Unreadable | undefined;
  /** The offset from which on nothing is committed yet. */
  readonly stableEnd: number;
}

export interface FetchLimits {
  /** The most that one answer brings in all, and of a partition, decompressed. */
  readonly bytes: number;
  readonly partitionBytes: number;
  /** They are of what the broker sends, compressed (default: false). */
  readonly limitsSent?: boolean;
  /** The broker answers when there are so many, or after so long (default: 1, 100). */
  readonly minBytes?: number;
  readonly maxWaitMs?: number;
}

/** By name one of kafkajs's: it is no bug. */
class ReadingStopped extends Error {
  override readonly name = "KafkaJSReadingStopped";
}

const FETCH_WAIT_MS = 100;
const READ_COMMITTED = 1;

/**
 * One request to each leader.
 *
 * @param positions the next offsets by partition
 * @param signal when it aborts, what is asked for is not waited for
 * @throws {LeaderUnknown} a partition has no leader at the moment
 */
export async function fetchOnce(
  cluster: FetchCluster,
  topic: string,
  positions: ReadonlyMap<number, number>,
  { bytes, partitionBytes, limitsSent = false, minBytes = 1, maxWaitMs = FETCH_WAIT_MS }:
    FetchLimits,
  signal?: AbortSignal,
): Promise<PartitionData[]> {
  const leaders = cluster.findLeaderForPartitions(topic, [...positions.keys()]);
  const led = new Set(Object.values(leaders).flat());
  for (const partition of positions.keys()) {
    if (!led.has(partition)) throw new LeaderUnknown(topic, partition);
  }
  const answers = await Promise.all(
    Object.entries(leaders).map(async ([nodeId, partitions]) => {
      const broker = await cluster.findBroker({ nodeId });
      const stopped = new ReadingStopped("the reading was stopped");
      if (signal?.aborted) throw stopped;
      // Else its close would wait for the answer.
      const stop = () => dropConnections(broker, stopped);
      signal?.addEventListener("abort", stop, { once: true });
      const { responses } = await broker.fetch({
        maxWaitTime: maxWaitMs,
        minBytes,
        maxBytes: bytes,
        limitsSent,
        isolationLevel: READ_COMMITTED,
        topics: [{
          topic,
          partitions: partitions.map((partition) => ({
            partition,
            fetchOffset: String(positions.get(partition)),
            maxBytes: Math.min(bytes, partitionBytes),
          })),
        }],
      }).finally(() => signal?.removeEventListener("abort", stop));
      return responses.flatMap((response) => response.partitions);
    }),
  );
  return answers.flat();
}

/** @param from the offset that was asked for */
export function recordsIn(topic: string, from: number, data: PartitionData): Fetched {
  const batch = new ReadCommittedBatch(topic, String(from), data);
  const stop = batch.messages.findIndex((message) => unreadableOf(message));
  const messages = stop < 0 ? batch.messages : batch.messages.slice(0, stop);
  const last = stop < 0 && batch.rawMessages.length > 0
    ? batch.lastOffset()
    : messages.at(-1)?.offset;
  return {
    records: messages,
    next: last === undefined ? from : Number(last) + 1,
    unreadable: stop < 0 ? undefined : unreadableOf(batch.messages[stop]!),
    stableEnd: Number(data.lastStableOffset),
  };
}
