/** Waits for the cluster and its topics, with one line for each change of what is missing. */
import type { Kafka } from "kafkajs";
import type { KafkaAccess } from "../access.ts";
import { pause } from "../../runtime/shutdown.ts";
import {
  type ApiVersion,
  askAnyBroker,
  type Broker,
  type Cluster,
  createCluster,
  knows,
} from "./cluster.ts";
import { whyUnreachable } from "./errors.ts";

const RETRY_MS = 1_000;

/** What the loop asks beyond what kafkajs asks; brokers know it since Kafka 2.5. */
const OFFSET_FETCH = { apiName: "OffsetFetch", apiKey: 9, version: 7 } as const;
const TXN_OFFSET_COMMIT = { apiName: "TxnOffsetCommit", apiKey: 28, version: 3 } as const;

/** By the guarantee. */
export const NEEDED = {
  exactly_once: [TXN_OFFSET_COMMIT, OFFSET_FETCH],
  at_least_once: [OFFSET_FETCH],
} as const satisfies Record<string, readonly ApiVersion[]>;

/** As much of kafkajs's cluster as lists topics. */
interface ListingCluster extends Cluster {
  metadata(): Promise<{ topicMetadata: { topic: string }[] } | null>;
}

interface ReadyOptions {
  access: KafkaAccess;
  /** Names on the cluster. */
  topics: readonly string[];
  /** What the brokers have to know beyond what kafkajs asks (default: nothing). */
  needed?: readonly ApiVersion[];
  signal: AbortSignal;
  onWait: (reason: string) => void;
}

/**
 * Resolves when a broker answers that is new enough, and all topics exist, or when `signal` aborts.
 *
 * @param options.onWait called with what it waits for, once for each change
 */
export async function clusterReady(kafka: Kafka, options: ReadyOptions): Promise<void> {
  let reported: string | undefined;
  const tell = (reason: string) => {
    if (reason !== reported) options.onWait(reason);
    reported = reason;
  };
  const { signal } = options;
  while (!signal.aborted) {
    const cluster = createCluster<ListingCluster>(kafka);
    const asked = (async () => {
      await cluster.connect();
      const metadata = await cluster.metadata();
      if (!metadata) throw new Error("no broker answers");
      const existing = new Set(metadata.topicMetadata.map(({ topic }) => topic));
      return { existing, lacking: await lackingOf(cluster, options.needed ?? []) };
    })();
    try {
      // A silent broker takes minutes to fail: a process that stops does not wait for it.
      const found = await orStopped(asked, signal);
      if (found === undefined) return;
      const why = tooOld(found.lacking, options) ?? missing(found.existing, options);
      if (why === undefined) return;
      tell(why);
    } catch (error) {
      const why = whyUnreachable(error, options.access);
      tell(`waiting for Kafka at ${options.access.brokers.join(", ")}: ${why}`);
    } finally {
      const closed = asked.catch(() => {}).then(() => cluster.disconnect()).catch(() => {});
      if (!signal.aborted) await closed;
    }
    await pause(RETRY_MS, signal);
  }
}

/** A request that the brokers do not know, though they should. */
async function lackingOf(
  cluster: Cluster,
  needed: readonly ApiVersion[],
): Promise<ApiVersion | undefined> {
  if (needed.length === 0) return undefined;
  const find = (broker: Broker) => needed.find((request) => !knows(broker, request));
  return await askAnyBroker(cluster, (broker) => Promise.resolve(find(broker)));
}

function tooOld(
  lacking: ApiVersion | undefined,
  { access }: ReadyOptions,
): string | undefined {
  if (!lacking) return undefined;
  return `waiting for Kafka at ${access.brokers.join(", ")}: its brokers are too old, ` +
    `this needs Kafka 2.5 or newer (no ${lacking.apiName} in version ${lacking.version})`;
}

function missing(
  existing: ReadonlySet<string>,
  { topics, access }: ReadyOptions,
): string | undefined {
  const missing = topics.filter((topic) => !existing.has(topic));
  if (missing.length === 0) return undefined;
  return `waiting for the topic${missing.length > 1 ? "s" : ""} ${missing.join(", ")}: ` +
    "`deno task topics` creates them" +
    (access.login ? ", or the user has no right to see them" : "");
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
