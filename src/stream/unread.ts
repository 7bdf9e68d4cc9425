/** Whether there is anything to read for a group, where its offset is a little short of the end. */
import type { Kafka } from "kafkajs";
import { type LogReader, openLogReader } from "./log_reader.ts";

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
