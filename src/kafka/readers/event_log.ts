/**
 * Reads the events of topics from the beginning of the log, as a member of no group: no offset of
 * anybody changes. Through absences of the cluster; each record is handed over once.
 */
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import type { KafkaAccess } from "../access.ts";
import { pause } from "../../runtime/shutdown.ts";
import type { Names, Topic } from "../../topology.ts";
import { createClient } from "../client/client.ts";
import { isKafkaError } from "../client/errors.ts";
import { explain } from "../client/errors.ts";
import { clusterReady } from "../client/cluster_ready.ts";
import { createEventDecoder } from "./event_decoder.ts";
import { LeaderUnknown } from "../offsets/log_ends.ts";
import { openLogReader } from "./log_reader.ts";
import { type LossMetrics, startAt } from "./log_guard.ts";
import { createLogStates } from "../log_watch/log_states.ts";
import { CONFIRM_MS, TOPIC_CHECK_MS } from "../log_watch/topic_watch.ts";
import { sentenceOf } from "../protocol/unreadable.ts";

export interface EventLogOptions {
  readonly access: KafkaAccess;
  readonly clientId: string;
  readonly topics: readonly Topic[];
  readonly names: Names;
  /** Told the events of one partition, in order; what it throws ends the reading. */
  readonly onEvents: (events: readonly OrderEvent[]) => void;
  readonly log: Logger;
  readonly losses?: LossMetrics | undefined;
  /** A topic was deleted and created anew; it is read from its beginning. */
  readonly onRecreated?: (() => void) | undefined;
  /** After how long a partition whose next batch cannot be read is tried again; 5,000 unless said. */
  readonly unreadableRetryMs?: number;
}

export interface EventLog {
  /**
   * Reads on from where it is to where each topic ends now; returns early when `signal` aborts.
   *
   * @throws whatever `onEvents` throws
   */
  readToEnd(signal: AbortSignal): Promise<void>;
  /** Reads on from where it is, until `signal` aborts. */
  follow(signal: AbortSignal): Promise<void>;
  /** Why it is not reading, or undefined when it is. */
  notReady(): string | undefined;
  /** Records read so far. */
  readonly records: number;
  /** Offsets passed so far: control records, and those of aborted transactions, count. */
  readonly passed: number;
  /** Offsets that there were to pass when the reading, or the last following, began. */
  readonly expected: number;
  /** By topic and partition: the next offset to read. */
  readonly positions: ReadonlyMap<Topic, ReadonlyMap<number, number>>;
  /** Partitions of all topics; 0 before the first answer of the cluster. */
  readonly partitions: number;
  /** Messages that were no events. */
  readonly undecodable: number;
}

const RETRY_MS = 500;
/** A batch of which nobody knows where it ends. */
const UNREADABLE_RETRY_MS = 5_000;
/** All topics are read at once, and what is fetched takes a multiple of it while it is decoded. */
const FETCH_BYTES = 1024 * 1024;

export function createEventLog(options: EventLogOptions): EventLog {
  const { access, topics, names, log, unreadableRetryMs: retryMs = UNREADABLE_RETRY_MS } = options;
  const kafka = createClient(access, options.clientId);
  const decoder = createEventDecoder(log);
  const logs = createLogStates(kafka);
  const ids = new Map<Topic, string>();
  /** By topic: the next offset of each partition. */
  const positions = new Map(topics.map((topic) => [topic, new Map<number, number>()]));
  /** By topic: first offset and end of each partition. */
  const ends = new Map<Topic, Map<number, { first: number; end: number }>>();
  const allEnds = () =>
    [...ends].flatMap(([topic, partitions]) => {
      const next = positions.get(topic)!;
      return [...partitions].map(([partition, { first, end }]) => ({
        expected: end - first,
        passed: (next.get(partition) ?? first) - first,
      }));
    });
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  let records = 0;
  /** Why a topic is not being read. */
  const troubles = new Map<Topic, string>(topics.map((topic) => [topic, "starting"]));
  const troubled = () => troubles.values().next().value;
  /** By topic and partition: why it is read no further for now. */
  const resting = new Map(topics.map((topic) => [topic, new Map<number, string>()]));
  const whyResting = (topic: Topic) => {
    const all = [...resting.get(topic)!.values()];
    return all.length > 0 ? all.join("; ") : undefined;
  };
  let told = troubled();
  const setState = (topic: Topic, next: string | undefined) => {
    if (next === undefined) troubles.delete(topic);
    else troubles.set(topic, next);
    const state = troubled();
    if (state === told) return;
    if (state) log.warn(state);
    else log.info("reading the log");
    told = state;
  };

  const idOf = async (topic: Topic) =>
    (await logs.topicIds([names.topic(topic)]))?.get(names.topic(topic));

  /** Whether the log is still the one that was read; moves the positions that are not in it. */
  async function checkPositions(
    topic: Topic,
    found: ReadonlyMap<number, { first: number; end: number }>,
  ): Promise<void> {
    const name = names.topic(topic);
    const next = positions.get(topic)!;
    const before = ids.get(topic);
    let id = await idOf(topic);
    // A broker that was away may tell the id of a topic that is no more.
    if (before !== undefined && id !== before) {
      await pause(CONFIRM_MS);
      id = await idOf(topic);
    }
    if (id !== undefined) ids.set(topic, id);
    if (before !== undefined && id !== undefined && before !== id) {
      log.warn(`${name} was deleted and created anew: reading it from its beginning`);
      options.losses?.recreations.inc({ topic }, found.size);
      next.clear();
      resting.get(topic)!.clear();
      options.onRecreated?.();
    }
    for (const [partition, offset] of next) {
      const ends = found.get(partition);
      if (!ends) continue;
      const state = { clusterId: null, topicId: null, log: ends };
      const { lost, said, offset: start } = startAt(name, partition, offset, state);
      if (!lost) continue;
      log.warn(said!);
      options.losses?.recordsLost.inc({ topic, why: lost.why }, lost.records);
      next.set(partition, start);
    }
  }

  /**
   * One reading, which ends early when a partition rests for a while, or the topic is created anew.
   *
   * @returns whether it is to be read on
   */
  async function readTopic(topic: Topic, follow: boolean, stop: AbortSignal): Promise<boolean> {
    const next = positions.get(topic)!;
    const rests = resting.get(topic)!;
    const reader = await openLogReader(kafka);
    const again = new AbortController();
    const signal = AbortSignal.any([stop, again.signal]);
    const checking = setInterval(async () => {
      const id = await idOf(topic).catch(() => undefined);
      if (id !== undefined && id !== ids.get(topic)) again.abort();
    }, TOPIC_CHECK_MS);
    let retrying: ReturnType<typeof setTimeout> | undefined;
    try {
      const known = await reader.ends(names.topic(topic));
      // It was there a moment ago: nothing to read is something else.
      if (known.size === 0) throw new LeaderUnknown(names.topic(topic));
      await checkPositions(topic, known);
      ends.set(topic, known);
      const onPosition = (partition: number, offset: number) => {
        next.set(partition, offset);
        // A new one: nothing was there to pass when the following began.
        if (!known.has(partition)) known.set(partition, { first: offset, end: offset });
        rests.delete(partition);
        setState(topic, whyResting(topic));
      };
      const batches = reader.read(names.topic(topic), {
        from: next,
        follow,
        fetchBytes: FETCH_BYTES,
        onPosition,
        onUnreadable: (batch) => log.warn(`${sentenceOf(batch, batch)}; left out`),
        onEndless: (partition, { message }) => {
          rests.set(partition, message);
          setState(topic, whyResting(topic));
          retrying ??= setTimeout(() => again.abort(), retryMs);
        },
        signal,
      });
      for await (const batch of batches) {
        const { partition } = batch[0]!;
        options.onEvents(decoder.decode({ topic, partition }, batch));
        records += batch.length;
      }
      // Nothing else is left to read.
      if (rests.size > 0 && !signal.aborted) await pause(retryMs, signal);
      return rests.size > 0 || again.signal.aborted;
    } finally {
      clearInterval(checking);
      clearTimeout(retrying);
      await reader.close().catch(() => {});
    }
  }

  /** As `readTopic`, again and again while the cluster is away. */
  async function insist(topic: Topic, follow: boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clusterReady(kafka, {
        access,
        topics: topics.map((topic) => names.topic(topic)),
        signal,
        onWait: (reason) => setState(topic, reason),
      });
      if (signal.aborted) return;
      try {
        if (!await readTopic(topic, follow, signal)) return setState(topic, undefined);
      } catch (error) {
        if (!isKafkaError(error)) throw error;
        setState(topic, `reading ${names.topic(topic)} fails: ${explain(error)}; trying again`);
        await pause(RETRY_MS, signal);
      }
    }
  }

  async function readAll(follow: boolean, signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const reading = topics.map((topic) => insist(topic, follow, either));
    try {
      await Promise.all(reading);
    } finally {
      // One that fails stops the others.
      failed.abort();
      await Promise.allSettled(reading);
      await logs.close();
    }
  }

  return {
    readToEnd: (signal) => readAll(false, signal),
    follow: (signal) => readAll(true, signal),
    notReady: troubled,
    get records() {
      return records;
    },
    positions,
    get passed() {
      return sum(allEnds().map(({ passed }) => passed));
    },
    get expected() {
      return sum(allEnds().map(({ expected }) => expected));
    },
    get partitions() {
      return allEnds().length;
    },
    get undecodable() {
      return decoder.undecodable;
    },
  };
}
