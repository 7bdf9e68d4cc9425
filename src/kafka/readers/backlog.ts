/**
 * What consumer groups have not read yet: the question that lag by offset cannot answer. A transactional
 * topic ends in a control record that no consumer sees, so that committed offset and end may never meet;
 * what lies between them is read.
 */
import type { Admin, Kafka } from "kafkajs";
import { pause } from "../../runtime/shutdown.ts";
import { type Names, PROCESSORS, TOPIC_NAMES, topicsReadBy } from "../../topology.ts";
import { withAdmin } from "../client/client.ts";
import { createCluster } from "../client/cluster.ts";
import { isKafkaError } from "../client/errors.ts";
import { committedOffsetsByTopic } from "../offsets/committed_offsets.ts";
import { type LogEnd, logEndsByTopic } from "../offsets/log_ends.ts";
import type { LocatedUnreadable } from "../protocol/unreadable.ts";
import { type LogReader, openLogReader, withLogReader } from "./log_reader.ts";

/** Messages that wait for a service in one partition. */
export interface Waiting {
  /** The consumer group's and the topic's name on the cluster. */
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly messages: number;
}

type Ends = ReadonlyMap<string, ReadonlyMap<number, LogEnd>>;

/**
 * Whether every service has processed all there is for it, and nothing came meanwhile, which a service
 * that was asked before may not have processed. False while Kafka or a topic is away: it is not known.
 */
export async function allCaughtUp(kafka: Kafka, names: Names): Promise<boolean> {
  try {
    return await withConnections(kafka, async (admin, reader) => {
      const before = await allEnds(reader, names);
      if ([...before.values()].some(({ size }) => size === 0)) return false;
      for await (const _ of unreadOf(admin, reader, names, before)) return false;
      return comparable(await allEnds(reader, names)) === comparable(before);
    });
  } catch (error) {
    if (!isKafkaError(error)) throw error;
    return false;
  }
}

/**
 * Whether every service has processed its topics up to these ends.
 *
 * @param ends by topic's name on the cluster, then partition; of other topics nothing is asked
 * @throws when Kafka does not answer
 */
export async function isReadTo(kafka: Kafka, names: Names, ends: Ends): Promise<boolean> {
  return await withConnections(kafka, async (admin, reader) => {
    for await (const _ of unreadOf(admin, reader, names, ends)) return false;
    return true;
  });
}

/**
 * What waits for the services: takes as long as it takes to read all that.
 *
 * @throws when Kafka does not answer
 */
export async function whatWaits(kafka: Kafka, names: Names): Promise<Waiting[]> {
  return await withConnections(kafka, async (admin, reader) => {
    const waiting = new Map<string, Waiting>();
    for await (const some of unreadOf(admin, reader, names, await allEnds(reader, names))) {
      const key = `${some.group} ${some.topic}/${some.partition}`;
      const messages = some.messages + (waiting.get(key)?.messages ?? 0);
      waiting.set(key, { ...some, messages });
    }
    return [...waiting.values()];
  });
}

function withConnections<T>(
  kafka: Kafka,
  work: (admin: Admin, reader: LogReader) => Promise<T>,
): Promise<T> {
  return withAdmin(kafka, (admin) => withLogReader(kafka, (reader) => work(admin, reader)));
}

function allEnds(reader: LogReader, names: Names): Promise<Ends> {
  return reader.endsByTopic(TOPIC_NAMES.map((topic) => names.topic(topic)));
}

function comparable(ends: Ends): string {
  return JSON.stringify([...ends].map(([topic, partitions]) => [topic, [...partitions]]));
}

/** The messages that no service has processed, as they are found: some of a partition at a time. */
async function* unreadOf(
  admin: Admin,
  reader: LogReader,
  names: Names,
  ends: Ends,
): AsyncGenerator<Waiting> {
  for (const service of PROCESSORS) {
    const group = names.group(service);
    const topics = topicsReadBy(service).map((topic) => names.topic(topic))
      .filter((topic) => (ends.get(topic)?.size ?? 0) > 0);
    if (topics.length === 0) continue;
    const committed = await committedOffsetsByTopic(admin, group, topics);
    for (const topic of topics) {
      const from = behind(ends.get(topic)!, committed.get(topic));
      if (from.size === 0) continue;
      const unreadable: Waiting[] = [];
      const records = reader.read(topic, {
        partitions: [...from.keys()],
        from,
        ends: ends.get(topic)!,
        // It may hold as many messages as it has offsets.
        onUnreadable: ({ partition, offset, next }: LocatedUnreadable) =>
          void unreadable.push({ group, topic, partition, messages: next - offset }),
      });
      for await (const batch of records) {
        yield { group, topic, partition: batch[0]!.partition, messages: batch.length };
      }
      yield* unreadable;
    }
  }
}

/** The partitions whose end the group has not committed, and where it is in them. */
function behind(
  ends: ReadonlyMap<number, LogEnd>,
  committed: ReadonlyMap<number, number> = new Map(),
): Map<number, number> {
  const positions = new Map<number, number>();
  for (const [partition, { first, end }] of ends) {
    const position = committed.get(partition) ?? first;
    if (position < end) positions.set(partition, position);
  }
  return positions;
}

const POLL_MS = 500;

/**
 * Resolves when `group` has committed all that `topics` hold now, or when `signal` aborts. For groups
 * that step over control records, as a group consumer's does.
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
    const ends = await patiently(() => logEndsByTopic(cluster, topics));
    if (ends === undefined) return;
    const isBehind = async () => {
      const committed = await committedOffsetsByTopic(admin, group, topics);
      return topics.some((topic) => behind(ends.get(topic)!, committed.get(topic)).size > 0);
    };
    while (await patiently(isBehind)) await pause(POLL_MS, signal);
  } finally {
    await Promise.allSettled([admin.disconnect(), cluster.disconnect()]);
  }
}

/** More than this between offset and end is not control records alone: it is not read. */
const MAX_MARKERS = 8;

interface Unread {
  /**
   * How many messages wait between `committed` and `end`. What lies between is read in the background,
   * once, where it may be control records alone; it counts until it is known to be nothing.
   */
  messages(topic: string, partition: number, committed: number, end: number): number;
  /** Reads what `messages` was asked and did not know. */
  refresh(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** By topic and partition. */
type Ranges = Map<string, Map<number, Range>>;

function set(ranges: Ranges, topic: string, partition: number, range: Range): void {
  const partitions = ranges.get(topic);
  if (partitions) partitions.set(partition, range);
  else ranges.set(topic, new Map([[partition, range]]));
}

export function createUnread(kafka: Kafka): Unread {
  /** Between these offsets there is nothing for a consumer. */
  const empty: Ranges = new Map();
  /** What is asked for now, and was asked for the last time. */
  let asked: Ranges = new Map();
  let askedBefore = asked;
  let reader: LogReader | undefined;
  return {
    messages(topic, partition, committed, end) {
      const waiting = Math.max(0, end - committed);
      if (waiting === 0 || waiting > MAX_MARKERS) return waiting;
      const known = empty.get(topic)?.get(partition);
      if (known && known.from <= committed && end <= known.to) return 0;
      set(asked, topic, partition, { from: committed, to: end });
      return waiting;
    },
    async refresh(signal) {
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
          onEndless: (partition) => void found.add(partition),
          signal,
        });
        for await (const [record] of records) found.add(record!.partition);
        if (signal.aborted) return;
        for (const [partition, range] of still) {
          if (!found.has(partition)) set(empty, topic, partition, range);
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
