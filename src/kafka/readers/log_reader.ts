/**
 * Reads committed records straight from the log, as a member of no consumer group: for the audit, a
 * trace, the dead letters, a replay. Reading changes nothing on the cluster.
 *
 * kafkajs has no such reader (its consumer always needs a group), but the parts it is made of do: the
 * cluster finds leaders and fetches, its Batch drops aborted and control records.
 */
import "../patches/patches.ts";
import type { Kafka } from "kafkajs";
import KafkaBatch from "kafkajs/src/consumer/batch.js";
import { LeaderUnknown, logEnds, partitionsOf, withLeaders } from "../offsets/log_ends.ts";
import type { LogRecord } from "../records.ts";
import { type Broker, type Cluster, createCluster } from "../client/cluster.ts";
import {
  ENDLESS,
  type LocatedUnreadable,
  sentenceOf,
  type Unreadable,
  UnreadableBatch,
  unreadableOf,
} from "../protocol/unreadable.ts";

export interface ReadOptions {
  /** All partitions unless said. */
  readonly partitions?: readonly number[];
  /** Where to start, by partition; the beginning of the log unless said. */
  readonly from?: ReadonlyMap<number, number>;
  /**
   * Go on waiting for new records until `signal` aborts, instead of ending where the log ends now. New
   * partitions are read, too, unless `partitions` says which.
   */
  readonly follow?: boolean;
  /** The most that one fetch brings, bytes; 8 MiB unless said. */
  readonly fetchBytes?: number;
  /** Told after each fetch where a partition is read on: past control and aborted records, too. */
  readonly onPosition?: (partition: number, next: number) => void;
  /** Told of each batch that cannot be read, which is left out then; else it ends the reading. */
  readonly onUnreadable?: ((batch: LocatedUnreadable) => void) | undefined;
  /** Told of a batch whose end is not known: its partition is read no further; else it ends the reading. */
  readonly onEndless?: (partition: number, error: UnreadableBatch) => void;
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
   *
   * @throws {UnreadableBatch} a batch cannot be read, and nobody is told of such
   */
  read(topic: string, options?: ReadOptions): AsyncIterable<LogRecord[]>;
  /** The batch at this offset, if there is one and it cannot be read. */
  unreadableAt(
    topic: string,
    partition: number,
    offset: number,
  ): Promise<LocatedUnreadable | undefined>;
  close(): Promise<void>;
}

/** Whoever follows a topic wants to know that it was away: another may come by its name. */
const GONE = "UNKNOWN_TOPIC_OR_PARTITION";
const FETCH_BYTES = 8 * 1024 * 1024;
/** As large as a batch may be: one that does not fit is read when it is the first. */
const FETCH_BYTES_PER_PARTITION = 1024 * 1024;
/** More than any batch: where one that cannot be read ends, only what comes behind it may tell. */
const LOOK_BEHIND_BYTES = 64 * 1024 * 1024;
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
  /** The broker shows nothing from here on: a transaction is open there, or the log ends. */
  lastStableOffset: string;
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
    const { from, follow = false, onPosition, onUnreadable, onEndless, signal } = options;
    const limits = await logEnds(cluster, topic);
    if (follow && limits.size === 0) throw new LeaderUnknown(topic);
    const next = new Map<number, number>();
    for (const partition of options.partitions ?? limits.keys()) {
      const first = limits.get(partition)?.first ?? 0;
      next.set(partition, Math.max(first, from?.get(partition) ?? first));
    }
    const resting = new Set<number>();
    const open = () =>
      [...next].filter(([partition, offset]) =>
        !resting.has(partition) && (follow || offset < (limits.get(partition)?.end ?? 0))
      );
    const addNew = async () => {
      for (const partition of await partitionsOf(cluster, topic, { fresh: false }) ?? []) {
        if (!next.has(partition)) next.set(partition, from?.get(partition) ?? 0);
      }
    };
    for (let rest = open(); rest.length > 0 && !signal?.aborted; rest = open()) {
      for (
        const data of await withLeaders(
          cluster,
          () => fetchRound(topic, new Map(rest), options.fetchBytes ?? FETCH_BYTES),
          { final: follow ? GONE : undefined },
        )
      ) {
        const { partition } = data;
        const batch: KafkaBatch = new KafkaBatch(topic, String(next.get(partition)), data);
        const stop = batch.messages.findIndex((message) => unreadableOf(message));
        const messages = stop < 0 ? batch.messages : batch.messages.slice(0, stop);
        const last = stop < 0 && batch.rawMessages.length > 0
          ? batch.lastOffset()
          : messages.at(-1)?.offset;
        if (last !== undefined) next.set(partition, Number(last) + 1);
        if (messages.length > 0) yield toRecords(topic, partition, messages);
        if (stop >= 0) {
          // These have been handed over, whatever becomes of the batch behind them.
          if (messages.length > 0) onPosition?.(partition, next.get(partition)!);
          let unreadable: LocatedUnreadable;
          try {
            unreadable = await locate(topic, partition, unreadableOf(batch.messages[stop]!)!);
          } catch (error) {
            if (!onEndless || !(error instanceof UnreadableBatch)) throw error;
            resting.add(partition);
            onEndless(partition, error);
            continue;
          }
          if (!onUnreadable) throw new UnreadableBatch(sentenceOf(unreadable, unreadable));
          onUnreadable(unreadable);
          next.set(partition, unreadable.next);
        }
        onPosition?.(partition, next.get(partition)!);
      }
      if (follow && !options.partitions) await withLeaders(cluster, addNew);
    }
  }

  /** The same batch, and where it ends. */
  async function locate(
    topic: string,
    partition: number,
    batch: Unreadable,
  ): Promise<LocatedUnreadable> {
    if (batch.next !== undefined) return { ...batch, topic, partition, next: batch.next };
    const found = batch.endless ? undefined : await unreadableAt(topic, partition, batch.offset);
    if (found?.offset === batch.offset) return found;
    throw new UnreadableBatch(`${sentenceOf({ topic, partition }, batch)}; ${ENDLESS}`);
  }

  async function unreadableAt(
    topic: string,
    partition: number,
    offset: number,
  ): Promise<LocatedUnreadable | undefined> {
    const positions = new Map([[partition, offset]]);
    const [data] = await withLeaders(
      cluster,
      () => fetchRound(topic, positions, LOOK_BEHIND_BYTES, LOOK_BEHIND_BYTES),
    );
    if (!data) return undefined;
    const [first] = (new KafkaBatch(topic, String(offset), data) as KafkaBatch).messages;
    const batch = first && unreadableOf(first);
    if (!batch) return undefined;
    if (batch.endless) {
      throw new UnreadableBatch(`${sentenceOf({ topic, partition }, batch)}; ${ENDLESS}`);
    }
    // Nothing is behind it that could be read.
    const next = batch.next ?? Number(data.lastStableOffset);
    return { ...batch, topic, partition, next };
  }

  /** One fetch from each leader; `positions` are the next offsets by partition. */
  async function fetchRound(
    topic: string,
    positions: ReadonlyMap<number, number>,
    fetchBytes: number,
    partitionBytes = FETCH_BYTES_PER_PARTITION,
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
              maxBytes: Math.min(fetchBytes, partitionBytes),
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
    unreadableAt,
    close: () => cluster.disconnect(),
  };
}

function toRecords(
  topic: string,
  partition: number,
  messages: KafkaBatch["messages"],
): LogRecord[] {
  return messages.map((message) => ({
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
