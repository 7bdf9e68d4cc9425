/**
 * Reads topics as a member of no consumer group, so that no committed offset changes: through absences
 * of the cluster, topics created anew and records deleted unread. Each record is handed over once.
 */
import type { Kafka } from "kafkajs";
import { pause } from "../../runtime/shutdown.ts";
import type { KafkaAccess } from "../access.ts";
import { clusterReady } from "../client/cluster_ready.ts";
import { explain, isKafkaError } from "../client/errors.ts";
import { createLogStates, TopicUnknown } from "../log_watch/log_states.ts";
import { CONFIRM_MS, TOPIC_CHECK_MS, TopicWatch } from "../log_watch/topic_watch.ts";
import { LeaderUnknown } from "../offsets/log_ends.ts";
import { describeUnreadable } from "../protocol/unreadable.ts";
import { type Gather, openLogReader, type RecordBatch } from "./log_reader.ts";
import { type OnLoss, TopicPositions } from "./topic_positions.ts";

interface LogFollowerOptions {
  readonly kafka: Kafka;
  readonly access: KafkaAccess;
  /** Names on the cluster. */
  readonly topics: readonly string[];
  /** Begins at the first record of that time or later (default: at the beginning of the log). */
  readonly sinceEpochMs?: number;
  /** Told the records of one partition, in order; what it throws ends the reading. */
  readonly onBatch: (batch: RecordBatch) => void;
  readonly onLoss: OnLoss;
  /** Told each change of what `notReady` returns. */
  readonly onState?: (notReady: string | undefined) => void;
  /** While it follows, what a fetch waits for (default: whatever comes). */
  readonly gather?: Gather | undefined;
  /** After how long a partition whose next batch cannot be read is tried again (default: 5,000). */
  readonly unreadableRetryMs?: number | undefined;
}

const RETRY_MS = 500;
/** A batch whose end is not known. */
const UNREADABLE_RETRY_MS = 5_000;
/**
 * All topics are read at once, and what is fetched takes a multiple of it while it is decoded: with
 * 1 MiB, analytics takes 25 MiB more, and is no faster.
 */
const FETCH_BYTES = 256 * 1024;

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

export class LogFollower {
  readonly #topics: readonly TopicPositions[];
  readonly #logs;
  readonly #watch: TopicWatch;
  #stop = new AbortController().signal;
  #ready: Promise<void> | undefined;
  readonly #waiting = new Set<TopicPositions>();
  /** What those wait for. */
  #waitReason: string | undefined;
  #told: string | undefined;
  #records = 0;

  constructor(private readonly options: LogFollowerOptions) {
    this.#topics = options.topics.map((name) => new TopicPositions(name, options.onLoss));
    this.#told = this.notReady();
    this.#logs = createLogStates(options.kafka);
    this.#watch = new TopicWatch(this.#logs, (names) => this.#startOver(names));
  }

  /**
   * Reads on from where it is to where each topic ends now; returns early when `signal` aborts.
   *
   * @throws whatever `onBatch` throws
   */
  async readToEnd(signal: AbortSignal): Promise<void> {
    await this.#readAll(false, signal);
  }

  /**
   * Reads on from where it is, until `signal` aborts.
   *
   * @throws whatever `onBatch` throws
   */
  async follow(signal: AbortSignal): Promise<void> {
    await this.#readAll(true, signal);
  }

  /** Why it is not reading, or undefined when it is. */
  notReady(): string | undefined {
    return this.#topics.find(({ trouble }) => trouble !== undefined)?.trouble;
  }

  /** By the topic's name on the cluster, and partition: the next offset to read. */
  protected get nextOffsets(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    return new Map(this.#topics.map(({ name, next }) => [name, next]));
  }

  /** Records handed over so far. */
  get records(): number {
    return this.#records;
  }

  /** Offsets passed so far: control records, and those of aborted transactions, count. */
  get passed(): number {
    return sum(this.#topics.map((topic) => topic.passed));
  }

  /** Offsets that there were to pass when the reading, or the last following, began. */
  get expected(): number {
    return sum(this.#topics.map((topic) => topic.expected));
  }

  /** Partitions of all topics; 0 before the first answer of the cluster. */
  get partitions(): number {
    return sum(this.#topics.map((topic) => topic.partitions));
  }

  async #readAll(follow: boolean, stop: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const signal = this.#stop = AbortSignal.any([stop, failed.signal]);
    const checking = setInterval(() => this.#watch.invalidate(), TOPIC_CHECK_MS);
    const reading = this.#topics.map((topic) => this.#insist(topic, follow, signal));
    try {
      await Promise.all(reading);
    } finally {
      clearInterval(checking);
      // One that fails stops the others.
      failed.abort();
      await Promise.allSettled(reading);
      await this.#logs.close();
    }
  }

  /** Reads a topic again and again while the cluster is away. */
  async #insist(
    topic: TopicPositions,
    follow: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      await this.#clusterReady(topic, signal);
      if (signal.aborted) return;
      try {
        if (!await this.#read(topic, follow, signal)) return this.#set(topic, undefined);
      } catch (error) {
        if (!isKafkaError(error)) throw error;
        if (signal.aborted) return;
        this.#set(topic, `reading ${topic.name} fails: ${explain(error)}; trying again`);
        await pause(RETRY_MS, signal);
      }
    }
  }

  /** All topics that are not read wait for it together. */
  async #clusterReady(topic: TopicPositions, signal: AbortSignal): Promise<void> {
    const { kafka, access, topics } = this.options;
    const onWait = (reason: string) => {
      this.#waitReason = reason;
      for (const waiting of this.#waiting) this.#set(waiting, reason);
    };
    this.#waiting.add(topic);
    if (this.#waitReason !== undefined) this.#set(topic, this.#waitReason);
    this.#ready ??= clusterReady(kafka, { access, topics, signal, onWait })
      .finally(() => this.#ready = this.#waitReason = undefined);
    try {
      await this.#ready;
    } finally {
      this.#waiting.delete(topic);
    }
  }

  /**
   * One reading, which ends early when a partition is paused, or the topic is created anew.
   *
   * @returns whether it is to be read on
   */
  async #read(
    topic: TopicPositions,
    follow: boolean,
    stop: AbortSignal,
  ): Promise<boolean> {
    const { kafka, onBatch, onLoss, sinceEpochMs } = this.options;
    const { unreadableRetryMs: retryMs = UNREADABLE_RETRY_MS } = this.options;
    const { name, next } = topic;
    const again = topic.begin();
    const signal = AbortSignal.any([stop, again]);
    const reader = await openLogReader(kafka);
    let retrying: ReturnType<typeof setTimeout> | undefined;
    try {
      const ends = await reader.ends(name);
      // It was there a moment ago: nothing to read is something else.
      if (ends.size === 0) throw new LeaderUnknown(name);
      await this.#compare(topic);
      // These may be the ends of the topic before.
      if (again.aborted) return true;
      const { id } = topic;
      topic.moveInto(ends);
      if (sinceEpochMs !== undefined && next.size === 0) {
        const offsets = await reader.offsetsSince(name, sinceEpochMs);
        for (const [partition, offset] of offsets) next.set(partition, offset);
      }
      const batches = reader.readBatches(name, {
        from: next,
        ends,
        follow,
        gather: this.options.gather,
        fetchBytes: FETCH_BYTES,
        onPosition: (partition, offset) => {
          if (topic.id !== id) return;
          topic.advance(partition, offset);
          this.#tell();
        },
        onUnreadable: (batch) => {
          const count = batch.next - batch.offset;
          onLoss(`${describeUnreadable(batch, batch)}; left out`, {
            topic: name,
            why: "unreadable",
            count,
          });
        },
        onEndless: (partition, { message }) => {
          topic.pause(partition, message);
          this.#tell();
          retrying ??= setTimeout(() => topic.beginAgain(), retryMs);
        },
        signal,
      });
      for await (const batch of batches) {
        // It may be of the topic before, and is read again where it is not.
        if (topic.id !== id) break;
        onBatch(batch);
        this.#records += batch.records.length;
      }
      // Nothing else is left to read.
      if (topic.whyPaused() && !signal.aborted) await pause(retryMs, signal);
      return topic.whyPaused() !== undefined || again.aborted;
    } finally {
      clearTimeout(retrying);
      await reader.close().catch(() => {});
    }
  }

  /** Whether the topics are those that were read before; see `#startOver`. */
  async #compare(topic: TopicPositions): Promise<void> {
    this.#watch.invalidate();
    await this.#watch.check();
    if (topic.id !== undefined) return;
    const ids = await this.#logs.topicIds([topic.name]);
    if (ids && !ids.has(topic.name)) throw new TopicUnknown(topic.name);
    this.#note(topic, ids?.get(topic.name));
  }

  #note(topic: TopicPositions, id: string | undefined): void {
    topic.id = id;
    this.#watch.add(topic.name, topic.name, id ?? null);
  }

  /** A broker that was away may tell the id of a topic that is no more: it is asked twice. */
  async #startOver(names: readonly string[]): Promise<void> {
    await pause(CONFIRM_MS, this.#stop);
    if (this.#stop.aborted) throw new TopicUnknown(names[0]!);
    const ids = await this.#logs.topicIds(names);
    for (const topic of this.#topics.filter(({ name }) => names.includes(name))) {
      const id = ids?.get(topic.name);
      if (id === undefined) throw new TopicUnknown(topic.name);
      if (id !== topic.id) topic.startOver();
      this.#note(topic, id);
    }
  }

  #set(topic: TopicPositions, trouble: string | undefined): void {
    topic.trouble = trouble;
    this.#tell();
  }

  #tell(): void {
    const now = this.notReady();
    if (now === this.#told) return;
    this.#told = now;
    this.options.onState?.(now);
  }
}
