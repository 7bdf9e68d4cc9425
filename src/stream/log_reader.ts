/**
 * Reads committed records straight from the log, as a member of no consumer group: for the audit, a
 * trace, the dead letters, a replay. Reading changes nothing on the cluster.
 *
 * kafkajs has no such reader (its consumer always needs a group), but the parts it is made of do: the
 * cluster finds leaders and fetches, its Batch drops aborted and control records.
 */
import "./mends.ts";
import type { Kafka } from "kafkajs";
import KafkaBatch from "kafkajs/src/consumer/batch.js";
import { LeaderUnknown, logEnds, partitionsOf, withLeaders } from "./log_ends.ts";
import type { RawMessage } from "./message.ts";
import { type Broker, type Cluster, createCluster } from "./producer/cluster.ts";

/** A record of the log. */
export interface LogRecord extends RawMessage {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  /** When the producer made it, epoch milliseconds. */
  readonly timestamp: number;
}

export interface ReadOptions {
  /** All partitions unless said. */
  readonly partitions?: readonly number[];
  /** Where to start, by partition; the beginning of the log unless said. */
  readonly from?: ReadonlyMap<number, number>;
  /** Go on waiting for new records until `signal` aborts, instead of ending where the log ends now. */
  readonly follow?: boolean;
  /** The most that one fetch brings, bytes; 8 MiB unless said. */
  readonly fetchBytes?: number;
  /** Told after each fetch where a partition is read on: past control and aborted records, too. */
  readonly onPosition?: (partition: number, next: number) => void;
  readonly signal?: AbortSignal;
}

export interface LogReader {
  /** The topic's partitions, or undefined when there is no such topic. */
  partitionsOf(topic: string): Promise<number[] | undefined>;
  /** First offset and the offset after the last one, by partition. */
  ends(topic: string): Promise<Map<number, { first: number; end: number }>>;
  /**
   * The committed records of a topic, in batches, in order within each partition; ends where the log
   * ended when it was called. A transaction that is still open there is waited for.
   */
  read(topic: string, options?: ReadOptions): AsyncIterable<LogRecord[]>;
  close(): Promise<void>;
}

/** Whoever follows a topic wants to know that it was away: another may come by its name. */
const GONE = "UNKNOWN_TOPIC_OR_PARTITION";
const FETCH_BYTES = 8 * 1024 * 1024;
/** As large as a batch may be: one that does not fit is read when it is the first. */
const FETCH_BYTES_PER_PARTITION = 1024 * 1024;
const FETCH_WAIT_MS = 100;
const READ_COMMITTED = 1;

/** With what is used of kafkajs's brokers here. */
interface FetchCluster extends Cluster {
  findBroker(node: { nodeId: string }): Promise<FetchBroker>;
}

interface FetchBroker extends Broker {
  fetch(request: {
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    isolationLevel: number;
    topics: {
      topic: string;
      partitions: { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }): Promise<{ responses: { topicName: string; partitions: PartitionData[] }[] }>;
}

interface PartitionData {
  partition: number;
  highWatermark: string;
  messages: unknown[];
}

interface KafkaBatch {
  messages: {
    offset: string;
    timestamp: string;
    key: Uint8Array | null;
    value: Uint8Array | null;
    headers: Record<string, unknown>;
  }[];
  rawMessages: unknown[];
  lastOffset(): string;
}

export async function openLogReader(kafka: Kafka): Promise<LogReader> {
  const cluster: FetchCluster = createCluster(kafka);
  await cluster.connect();

  async function* read(topic: string, options: ReadOptions = {}): AsyncGenerator<LogRecord[]> {
    const { from, follow = false, onPosition, signal } = options;
    const limits = await logEnds(cluster, topic);
    const next = new Map<number, number>();
    for (const partition of options.partitions ?? limits.keys()) {
      const first = limits.get(partition)?.first ?? 0;
      next.set(partition, Math.max(first, from?.get(partition) ?? first));
    }
    const open = () =>
      [...next].filter(([partition, offset]) =>
        follow || offset < (limits.get(partition)?.end ?? 0)
      );
    for (let rest = open(); rest.length > 0 && !signal?.aborted; rest = open()) {
      for (
        const data of await withLeaders(
          cluster,
          () => fetchRound(topic, new Map(rest), options.fetchBytes ?? FETCH_BYTES),
          { final: follow ? GONE : undefined },
        )
      ) {
        const batch: KafkaBatch = new KafkaBatch(topic, String(next.get(data.partition)), data);
        if (batch.rawMessages.length > 0) next.set(data.partition, Number(batch.lastOffset()) + 1);
        if (batch.messages.length > 0) yield toRecords(topic, data.partition, batch);
        onPosition?.(data.partition, next.get(data.partition)!);
      }
    }
  }

  /** One fetch from each leader; `positions` are the next offsets by partition. */
  async function fetchRound(
    topic: string,
    positions: ReadonlyMap<number, number>,
    fetchBytes: number,
  ): Promise<PartitionData[]> {
    const leaders = cluster.findLeaderForPartitions(topic, [...positions.keys()]);
    const led = new Set(Object.values(leaders).flat());
    for (const partition of positions.keys()) {
      if (!led.has(partition)) throw new LeaderUnknown(topic, partition);
    }
    const answers = await Promise.all(
      Object.entries(leaders).map(async ([nodeId, partitions]) => {
        const broker = await cluster.findBroker({ nodeId });
        const { responses } = await broker.fetch({
          maxWaitTime: FETCH_WAIT_MS,
          minBytes: 1,
          maxBytes: fetchBytes,
          isolationLevel: READ_COMMITTED,
          topics: [{
            topic,
            partitions: partitions.map((partition) => ({
              partition,
              fetchOffset: String(positions.get(partition)),
              maxBytes: Math.min(fetchBytes, FETCH_BYTES_PER_PARTITION),
            })),
          }],
        });
        return responses.flatMap((response) => response.partitions);
      }),
    );
    return answers.flat();
  }

  return {
    partitionsOf: (topic) => partitionsOf(cluster, topic, { fresh: true }),
    ends: (topic) => logEnds(cluster, topic),
    read,
    close: () => cluster.disconnect(),
  };
}

function toRecords(topic: string, partition: number, batch: KafkaBatch): LogRecord[] {
  return batch.messages.map((message) => ({
    topic,
    partition,
    offset: Number(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: Object.fromEntries(
      Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value ?? "")]),
    ),
  }));
}
