/** Waits until a consumer group has read what was in its topics when it was asked. */
import type { Kafka } from "kafkajs";
import { pause } from "../runtime/stop.ts";
import { isKafkaError } from "./client.ts";
import { logEnds } from "./log_ends.ts";
import { committedOffsets } from "./offsets.ts";
import { createCluster } from "./producer/cluster.ts";

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
