/** Follows topics from the beginning of the log, through absences of the cluster. */
import type { Kafka } from "kafkajs";
import { pause } from "../../runtime/shutdown.ts";
import { isKafkaError } from "../client/errors.ts";
import { openLogReader } from "./log_reader.ts";
import { type LogRecord } from "../records.ts";
import type { LocatedUnreadable } from "../protocol/unreadable.ts";

const RETRY_MS = 500;

/**
 * Hands every committed record of `topics` to `onRecords`, each once, in order within a partition,
 * until `signal` aborts.
 *
 * @param topics names on the cluster
 * @param onUnreadable told of a batch that cannot be read, once; it is left out
 */
export async function followTopics(
  kafka: Kafka,
  topics: readonly string[],
  onRecords: (records: readonly LogRecord[]) => void,
  onUnreadable: (batch: LocatedUnreadable) => void,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(topics.map(async (topic) => {
    const next = new Map<number, number>();
    while (!signal.aborted) {
      try {
        const reader = await openLogReader(kafka);
        try {
          const options = {
            ...{ from: next, follow: true, signal, onUnreadable },
            onPosition: (partition: number, offset: number) => void next.set(partition, offset),
          };
          for await (const records of reader.read(topic, options)) onRecords(records);
        } finally {
          await reader.close().catch(() => {});
        }
      } catch (error) {
        if (!isKafkaError(error)) throw error;
        // What is missing is read when the cluster answers again.
        await pause(RETRY_MS, signal);
      }
    }
  }));
}
