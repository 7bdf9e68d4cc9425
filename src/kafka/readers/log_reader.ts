/**
 * Reads committed records straight from the log, as a member of no consumer group: for the audit, a
 * trace, the dead letters, a replay. Reading changes nothing on the cluster. What fails for longer than
 * a leader's move ends the reading: log_follower.ts reads on through that.
 */
import type { Kafka } from "kafkajs";
import { createCluster } from "../client/cluster.ts";
import {
  type LogEnd,
  logEnds,
  logEndsByTopic,
  offsetsSince,
  partitionsOf,
  withLeaders,
} from "../offsets/log_ends.ts";
import {
  describeUnreadable,
  type LocatedUnreadable,
  UnreadableBatch,
} from "../protocol/unreadable.ts";
import type { DecodedRecord } from "../protocol/record.ts";
import type { LogRecord } from "../records.ts";
import { type FetchCluster, fetchOnce, type PartitionData, recordsIn } from "./fetch.ts";
import { locate, unreadableAt } from "./unreadable_end.ts";

interface ReadOptions {
  /** (default: all partitions, and new ones as they come) */
  readonly partitions?: readonly number[];
  /** Where to start, by partition (default: the beginning of the log). */
  readonly from?: ReadonlyMap<number, number>;
  /** Where the logs begin and end now (default: it asks). */
  readonly ends?: ReadonlyMap<number, LogEnd>;
  /** Waits for new records until `signal` aborts, instead of ending where the log ends now. */
  readonly follow?: boolean;
  /** While it follows, a fetch waits for so many bytes, or so long (default: 1, 1,000). */
  readonly gather?: Gather | undefined;
  /** The most that one fetch brings, bytes (default: 8 MiB). */
  readonly fetchBytes?: number;
  /** Told after each fetch where a partition is read on: past control and aborted records, too. */
  readonly onPosition?: (partition: number, next: number) => void;
  /** Told of each batch that cannot be read, which is left out then; else it ends the reading. */
  readonly onUnreadable?: ((batch: LocatedUnreadable) => void) | undefined;
  /** Told of a batch whose end is not known: its partition is read no further; else it ends the reading. */
  readonly onEndless?: (partition: number, error: UnreadableBatch) => void;
  readonly signal?: AbortSignal;
}

export interface Gather {
  readonly minBytes: number;
  readonly maxWaitMs: number;
}

/** Records of one partition, in the order of their offsets. */
export interface RecordBatch {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  /** At least one. */
  readonly records: readonly DecodedRecord[];
}

export function logRecordsOf({ topic, partition, records }: RecordBatch): LogRecord[] {
  return records.map(({ offset, timestamp, key, value, headers }) => ({
    topic,
    partition,
    offset,
    timestamp,
    key,
    value,
    headers,
  }));
}

export interface LogReader {
  /** The topic's partitions, or undefined when there is no such topic. */
  partitionsOf(topic: string): Promise<number[] | undefined>;
  /** First offset and the offset after the last one, by partition. */
  ends(topic: string): Promise<Map<number, LogEnd>>;
  /** The same by topic, of several at once; a topic that is not there has no partitions. */
  endsByTopic(topics: readonly string[]): Promise<Map<string, Map<number, LogEnd>>>;
  /** By partition, the offset of the first record of that time or later; the end where there is none. */
  offsetsSince(topic: string, epochMs: number): Promise<Map<number, number>>;
  /**
   * The committed records of a topic, in batches, in order within each partition; ends where the log
   * ended when it was called. A transaction that is still open there is waited for.
   *
   * @throws {UnreadableBatch} a batch cannot be read, and there is no onUnreadable
   */
  read(topic: string, options?: ReadOptions): AsyncIterable<LogRecord[]>;
  /** The same, as views of the bytes that were fetched: nothing is made of them that is not asked for. */
  readBatches(topic: string, options?: ReadOptions): AsyncIterable<RecordBatch>;
  /** The batch at this offset, if there is one and it cannot be read. */
  unreadableAt(
    topic: string,
    partition: number,
    offset: number,
  ): Promise<LocatedUnreadable | undefined>;
  close(): Promise<void>;
}

/** Ends the following of a topic at once: another one may come by its name. */
const GONE = "UNKNOWN_TOPIC_OR_PARTITION";
const FETCH_BYTES = 8 * 1024 * 1024;
/** As large as most batches become: one that does not fit is read when it is the first. */
const FETCH_BYTES_PER_PARTITION = 1024 * 1024;
/**
 * While nothing comes, brokers are asked seldom. What comes is told at once; of several leaders, when all
 * have answered.
 */
const GATHER: Gather = { minBytes: 1, maxWaitMs: 1_000 };

export async function openLogReader(kafka: Kafka): Promise<LogReader> {
  const cluster: FetchCluster = createCluster(kafka);
  await cluster.connect();
  async function* readBatches(topic: string, options: ReadOptions = {}) {
    const ends = options.ends ?? await logEnds(cluster, topic);
    yield* new Reading(cluster, topic, ends, options).batches();
  }
  return {
    partitionsOf: (topic) => partitionsOf(cluster, topic, { fresh: true }),
    ends: (topic) => logEnds(cluster, topic),
    endsByTopic: (topics) => logEndsByTopic(cluster, topics),
    offsetsSince: (topic, epochMs) => offsetsSince(cluster, topic, epochMs),
    readBatches,
    async *read(topic, options) {
      for await (const batch of readBatches(topic, options)) yield logRecordsOf(batch);
    },
    unreadableAt: (topic, ...place) => unreadableAt(cluster, topic, ...place),
    close: () => cluster.disconnect(),
  };
}

/** Opens a reader for `work`, and closes it. */
export async function withLogReader<T>(
  kafka: Kafka,
  work: (reader: LogReader) => Promise<T>,
): Promise<T> {
  const reader = await openLogReader(kafka);
  try {
    return await work(reader);
  } finally {
    await reader.close().catch(() => {});
  }
}

/** One reading of a topic. */
class Reading {
  readonly #next = new Map<number, number>();
  /** Partitions whose next batch has no known end: not read further. */
  readonly #endless = new Set<number>();
  /** Whether the last fetch left something behind it. */
  #hasMore = false;

  constructor(
    private readonly cluster: FetchCluster,
    private readonly topic: string,
    private readonly ends: ReadonlyMap<number, LogEnd>,
    private readonly options: ReadOptions,
  ) {
    for (const partition of options.partitions ?? ends.keys()) {
      const first = ends.get(partition)?.first ?? 0;
      this.#next.set(partition, Math.max(first, options.from?.get(partition) ?? first));
    }
  }

  async *batches(): AsyncGenerator<RecordBatch> {
    const { cluster, topic, options } = this;
    const { gather = GATHER } = options;
    const limits = {
      bytes: options.fetchBytes ?? FETCH_BYTES,
      partitionBytes: FETCH_BYTES_PER_PARTITION,
    };
    const { signal } = options;
    const final = options.follow ? GONE : undefined;
    for (let open = this.#open(); open.size > 0 && !signal?.aborted; open = this.#open()) {
      // All leaders' answers are waited for: one that has nothing would hold up what waits at another.
      const waits = options.follow && !this.#hasMore ? { ...limits, ...gather } : limits;
      this.#hasMore = false;
      const ask = () => fetchOnce(cluster, topic, open, waits, signal);
      // To its end: what still asked would connect again behind a close.
      const fetched = await withLeaders(cluster, ask, { final, signal }).catch((error) => {
        if (!signal?.aborted) throw error;
        return [];
      });
      for (const data of fetched) yield* this.#pass(data);
      if (options.follow && !options.partitions && !signal?.aborted) {
        await withLeaders(cluster, () => this.#addNew(), { signal });
      }
    }
  }

  #open(): Map<number, number> {
    const isOpen = (partition: number, offset: number) =>
      this.options.follow || offset < (this.ends.get(partition)?.end ?? 0);
    return new Map(
      [...this.#next].filter(([partition, offset]) =>
        !this.#endless.has(partition) && isOpen(partition, offset)
      ),
    );
  }

  async *#pass(data: PartitionData): AsyncGenerator<RecordBatch> {
    const { onPosition, onUnreadable, onEndless } = this.options;
    const { topic } = this;
    const { partition } = data;
    const { records, next, unreadable, stableEnd } = recordsIn(
      topic,
      this.#next.get(partition)!,
      data,
    );
    this.#hasMore ||= next < stableEnd;
    this.#next.set(partition, next);
    if (records.length > 0) yield { topic, partition, records };
    if (unreadable) {
      // These have been handed over, whatever becomes of the batch behind them.
      if (records.length > 0) onPosition?.(partition, next);
      let located: LocatedUnreadable;
      try {
        located = await locate(this.cluster, topic, partition, unreadable);
      } catch (error) {
        if (!onEndless || !(error instanceof UnreadableBatch)) throw error;
        this.#endless.add(partition);
        return onEndless(partition, error);
      }
      if (!onUnreadable) throw new UnreadableBatch(describeUnreadable(located, located));
      onUnreadable(located);
      this.#next.set(partition, located.next);
    }
    onPosition?.(partition, this.#next.get(partition)!);
  }

  async #addNew(): Promise<void> {
    const { cluster, topic, options: { from } } = this;
    for (const partition of await partitionsOf(cluster, topic, { fresh: false }) ?? []) {
      if (!this.#next.has(partition)) this.#next.set(partition, from?.get(partition) ?? 0);
    }
  }
}
