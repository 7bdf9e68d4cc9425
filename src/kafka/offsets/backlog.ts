/** Whether consumer groups have read all there is: the question that lag by offset cannot answer. */
import type { Admin, Kafka } from "kafkajs";
import { type LogReader, openLogReader, type ReadOptions } from "../readers/log_reader.ts";
import { type LogRecord } from "../records.ts";
import { committedOffsets } from "./committed_offsets.ts";
import type { LocatedUnreadable } from "../protocol/unreadable.ts";
import { type Names, PROCESSORS, TOPIC_NAMES, topicsReadBy } from "../../topology.ts";
import { isKafkaError } from "../client/errors.ts";
import { pause } from "../../runtime/shutdown.ts";
import { logEnds } from "./log_ends.ts";
import { createCluster } from "../client/cluster.ts";

/**
 * Whether `group` has processed every committed record of `topic`. A transactional topic ends in a
 * control record that no consumer sees, so that offsets alone may never meet: what lies between the
 * committed offset and the end is read.
 */
export async function hasCaughtUp(
  admin: Admin,
  reader: LogReader,
  group: string,
  topic: string,
): Promise<boolean> {
  for await (const records of unread(admin, reader, group, topic)) {
    if (records.length > 0) return false;
  }
  return true;
}

/** How many committed records of `topic` the group has not processed, by partition; only where any. */
export async function backlogOf(
  admin: Admin,
  reader: LogReader,
  group: string,
  topic: string,
): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  const add = (partition: number, count: number) =>
    counts.set(partition, (counts.get(partition) ?? 0) + count);
  // As many messages as it has offsets: nobody can tell.
  const onUnreadable = ({ partition, offset, next }: LocatedUnreadable) =>
    void add(partition, next - offset);
  for await (const records of unread(admin, reader, group, topic, { onUnreadable })) {
    for (const { partition } of records) add(partition, 1);
  }
  return counts;
}

/** The committed records between what the group has committed and the end of the log. */
async function* unread(
  admin: Admin,
  reader: LogReader,
  group: string,
  topic: string,
  options: Pick<ReadOptions, "onUnreadable"> = {},
): AsyncGenerator<LogRecord[]> {
  const [committed, ends] = await Promise.all([
    committedOffsets(admin, group, topic),
    reader.ends(topic),
  ]);
  const behind = new Map<number, number>();
  for (const [partition, { first, end }] of ends) {
    const position = committed.get(partition) ?? first;
    if (position < end) behind.set(partition, position);
  }
  const place = { partitions: [...behind.keys()], from: behind };
  if (behind.size > 0) yield* reader.read(topic, { ...options, ...place });
}

/** Whether the whole pipeline is at rest: nothing is waiting for any service, and nothing came; or what is. */

/**
 * Whether every service has processed all there is for it, and nothing came meanwhile: what one has
 * processed while another was asked after would have been missed. While Kafka is away nobody knows:
 * false.
 */
export async function allCaughtUp(kafka: Kafka, names: Names): Promise<boolean> {
  const admin = kafka.admin();
  let reader: LogReader | undefined;
  try {
    await admin.connect();
    reader = await openLogReader(kafka);
    const before = await allEnds(reader, names);
    for (const service of PROCESSORS) {
      for (const topic of topicsReadBy(service)) {
        const group = names.group(service);
        if (!await hasCaughtUp(admin, reader, group, names.topic(topic))) return false;
      }
    }
    return await allEnds(reader, names) === before;
  } catch (error) {
    if (!isKafkaError(error)) throw error;
    return false;
  } finally {
    await Promise.allSettled([admin.disconnect(), reader?.close()]);
  }
}

/** Messages that wait for a service in one partition. */
export interface Waiting {
  /** The consumer group's and the topic's name on the cluster. */
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly messages: number;
}

/**
 * What waits for the services: takes as long as it takes to read all that.
 *
 * @throws when Kafka does not answer
 */
export async function whatWaits(
  kafka: Kafka,
  reader: LogReader,
  names: Names,
): Promise<Waiting[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const waiting: Waiting[] = [];
    for (const service of PROCESSORS) {
      for (const topic of topicsReadBy(service).map((name) => names.topic(name))) {
        if (!await reader.partitionsOf(topic)) continue;
        const group = names.group(service);
        for (const [partition, messages] of await backlogOf(admin, reader, group, topic)) {
          waiting.push({ group, topic, partition, messages });
        }
      }
    }
    return waiting;
  } finally {
    await admin.disconnect();
  }
}

/** Where the order topics end, as something that can be compared. */
async function allEnds(reader: LogReader, names: Names): Promise<string> {
  const ends = await Promise.all(
    TOPIC_NAMES.map(async (topic) => [...await reader.ends(names.topic(topic))]),
  );
  return JSON.stringify(ends);
}

/** Waits until a consumer group has read what was in its topics when it was asked. */

const POLL_MS = 500;

/**
 * Resolves when `group` has committed all that `topics` hold now, or when `signal` aborts. For groups
 * that step over control records, as a tail's does; see backlog.ts for others.
 *
 * @param topics names on the cluster
 */
export async function untilCaughtUp(
  kafka: Kafka,
  group: string,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const admin = kafka.admin();
  const cluster = createCluster(kafka);
  const patiently = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    while (!signal.aborted) {
      try {
        return await ask();
      } catch (error) {
        if (!isKafkaError(error)) throw error;
        await pause(POLL_MS, signal);
      }
    }
  };
  try {
    await patiently(() => Promise.all([admin.connect(), cluster.connect()]));
    for (const topic of topics) {
      const ends = await patiently(() => logEnds(cluster, topic));
      if (ends === undefined) return;
      const isBehind = async () => {
        const committed = await committedOffsets(admin, group, topic);
        return [...ends].some(([partition, { first, end }]) =>
          (committed.get(partition) ?? first) < end
        );
      };
      while (await patiently(isBehind)) await pause(POLL_MS, signal);
    }
  } finally {
    await Promise.allSettled([admin.disconnect(), cluster.disconnect()]);
  }
}

/** Whether there is anything to read for a group, where its offset is a little short of the end. */

/** More than this between offset and end is not control records alone: nobody need look. */
const MAX_MARKERS = 8;

export interface Unread {
  /**
   * How many messages wait between `committed` and `end`. A transactional topic ends in control
   * records that no consumer sees, so that offsets alone may say 1 for ever; what lies between is
   * looked at in the background, once, and counts until it is known to be nothing.
   */
  messages(topic: string, partition: number, committed: number, end: number): number;
  /** Looks at what `messages` was asked and did not know. */
  look(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function createUnread(kafka: Kafka): Unread {
  /** By topic and partition: between which offsets there is nothing for a consumer. */
  const empty = new Map<string, Map<number, { from: number; to: number }>>();
  /** By topic and partition: what is asked for now, and was asked for the last time. */
  let asked = new Map<string, Map<number, { from: number; to: number }>>();
  let askedBefore = asked;
  let reader: LogReader | undefined;
  const inside = <T>(map: Map<string, Map<number, T>>, topic: string) => {
    let partitions = map.get(topic);
    if (!partitions) map.set(topic, partitions = new Map());
    return partitions;
  };
  return {
    messages(topic, partition, committed, end) {
      const waiting = Math.max(0, end - committed);
      if (waiting === 0 || waiting > MAX_MARKERS) return waiting;
      const known = empty.get(topic)?.get(partition);
      if (known && known.from <= committed && end <= known.to) return 0;
      inside(asked, topic).set(partition, { from: committed, to: end });
      return waiting;
    },
    async look(signal) {
      const now = asked;
      asked = new Map();
      for (const [topic, partitions] of now) {
        // What has moved since the last time moves by itself.
        const still = [...partitions].filter(([partition, { from, to }]) => {
          const before = askedBefore.get(topic)?.get(partition);
          return before?.from === from && before.to === to;
        });
        if (still.length === 0) continue;
        reader ??= await openLogReader(kafka);
        const found = new Set<number>();
        const records = reader.read(topic, {
          partitions: still.map(([partition]) => partition),
          from: new Map(still.map(([partition, { from }]) => [partition, from])),
          onUnreadable: ({ partition }) => void found.add(partition),
          signal,
        });
        for await (const [record] of records) found.add(record!.partition);
        if (signal.aborted) return;
        for (const [partition, range] of still) {
          if (!found.has(partition)) inside(empty, topic).set(partition, range);
        }
      }
      askedBefore = now;
    },
    async close() {
      await reader?.close().catch(() => {});
      reader = undefined;
    },
  };
}
