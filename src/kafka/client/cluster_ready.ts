/** Waits for the cluster and its topics, with one line for each change of what is missing. */
import type { Kafka } from "kafkajs";
import type { KafkaAccess } from "../access.ts";
import { pause } from "../../runtime/shutdown.ts";
import { whyUnreachable } from "./errors.ts";

const RETRY_MS = 1_000;

/**
 * Resolves when a broker answers and all topics exist, or when `signal` aborts.
 *
 * @param options.onWait called with what it waits for, once for each change
 */
export async function clusterReady(kafka: Kafka, options: {
  access: KafkaAccess;
  /** Names on the cluster. */
  topics: readonly string[];
  signal: AbortSignal;
  onWait: (reason: string) => void;
}): Promise<void> {
  let reported: string | undefined;
  const tell = (reason: string) => {
    if (reason !== reported) options.onWait(reason);
    reported = reason;
  };
  const { signal } = options;
  while (!signal.aborted) {
    const admin = kafka.admin({ retry: { retries: 0 } });
    const existing = (async () => {
      await admin.connect();
      return new Set(await admin.listTopics());
    })();
    try {
      // A silent broker takes minutes to fail: a process that stops does not wait for it.
      const found = await orStopped(existing, signal);
      if (found === undefined) return;
      const missing = options.topics.filter((topic) => !found.has(topic));
      if (missing.length === 0) return;
      tell(
        `waiting for the topic${missing.length > 1 ? "s" : ""} ${missing.join(", ")}: ` +
          "`deno task topics` creates them" +
          (options.access.login ? ", or the user has no right to see them" : ""),
      );
    } catch (error) {
      const why = whyUnreachable(error, options.access);
      tell(`waiting for Kafka at ${options.access.brokers.join(", ")}: ${why}`);
    } finally {
      const closed = existing.catch(() => {}).then(() => admin.disconnect()).catch(() => {});
      if (!signal.aborted) await closed;
    }
    await pause(RETRY_MS, signal);
  }
}

/** The result of `work`, or undefined when `signal` aborts before. */
async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  work.then(resolve, reject);
  const onAbort = () => resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
