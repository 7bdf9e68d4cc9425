/**
 * How many partitions the order topics have. They must have the same number: all events of an order go
 * to the partition number of its OrderPlaced, which a topic with fewer partitions lacks. Topics are
 * changed from outside, so a process checks again and again.
 */
import "./patches/patches.ts";
import metadataRequest from "kafkajs/src/protocol/requests/metadata/v4/request.js";
import metadataResponse from "kafkajs/src/protocol/requests/metadata/v4/response.js";
import type { Logger } from "../runtime/log.ts";
import { pause, settlesWithin } from "../runtime/shutdown.ts";
import { type DeadLetterTopic, type Names, TOPIC_NAMES } from "../topology.ts";
import { explain } from "./client/errors.ts";
import {
  askAnyBroker,
  type Cluster,
  type ClusterSource,
  createCluster,
  METADATA_MAX_AGE_MS,
} from "./client/cluster.ts";
import { answerOf } from "./client/coordinator.ts";
import { ERRORS } from "./client/error_codes.ts";

/** Brokers learn of a change at different times: a fault has to be found twice. */
const CONFIRM_MS = 1_000;
const ANSWER_LIMIT_MS = 5_000;
const CLOSE_LIMIT_MS = 2_000;

/** By topic (its name on the cluster); 0: no such topic. Topics that we have no right to see are absent. */
export type PartitionCounts = ReadonlyMap<string, number>;

interface MetadataAnswer {
  topicMetadata: { topicErrorCode: number; topic: string; partitionMetadata: unknown[] }[];
}

/** @throws no broker answers */
export async function countPartitions(
  cluster: Cluster,
  topics: readonly string[],
): Promise<PartitionCounts> {
  // kafkajs itself fails when one topic of several is gone, and does not name it.
  const ask = {
    request: {
      ...metadataRequest({ topics: [...topics], allowAutoTopicCreation: false }),
      fields: { topics },
    },
    response: {
      decode: metadataResponse.decode,
      parse: (decoded: unknown) => Promise.resolve(decoded as MetadataAnswer),
    },
  };
  if (!cluster.isConnected()) {
    await cluster.connect();
    await cluster.refreshMetadata();
  }
  const { topicMetadata } = await askAnyBroker(
    cluster,
    (broker) => answerOf(broker, ask, ANSWER_LIMIT_MS),
  );
  return new Map(topicMetadata.flatMap(({ topicErrorCode: code, topic, partitionMetadata }) => {
    if (code === ERRORS.UNKNOWN_TOPIC_OR_PARTITION.code) return [[topic, 0] as const];
    return partitionMetadata.length > 0 ? [[topic, partitionMetadata.length] as const] : [];
  }));
}

/**
 * Why not every partition can be processed, with the command that helps; undefined when each can.
 *
 * @param others topics that have to exist, with any number of partitions
 */
export function faultOf(
  orderTopics: readonly string[],
  others: readonly string[],
  counts: PartitionCounts,
): string | undefined {
  const visible = orderTopics.flatMap((topic) => {
    const count = counts.get(topic);
    return count === undefined ? [] : [{ topic, count }];
  });
  const there = visible.filter(({ count }) => count > 0);
  // Without any topic the services wait at their start: `clusterReady` says so.
  if (there.length === 0) return undefined;
  const most = Math.max(...there.map(({ count }) => count));
  const command = `\`deno task topics --partitions ${most}\``;
  if (there.some(({ count }) => count < most)) {
    const list = visible.map(({ topic, count }) => `${topic} ${count || "gone"}`).join(", ");
    return `the order topics have different numbers of partitions (${list}): ` +
      `${command} gives each ${most}`;
  }
  const gone = [...orderTopics, ...others].filter((topic) => counts.get(topic) === 0);
  if (gone.length === 0) return undefined;
  const list = gone.join(", ");
  return gone.length > 1
    ? `the topics ${list} are gone: ${command} creates them again`
    : `the topic ${list} is gone: ${command} creates it again`;
}

interface PartitionWatch {
  /** Why not every partition can be processed; undefined when each can, as far as is known. */
  readonly fault: string | undefined;
  /** Compares now, and every `everyMs` from then on; never rejects. */
  check(): Promise<void>;
  close(): Promise<void>;
}

interface PartitionWatchOptions {
  readonly names: Names;
  /** A dead-letter topic that has to exist, too. */
  readonly deadLetters?: DeadLetterTopic;
  /** (default: METADATA_MAX_AGE_MS) */
  readonly everyMs?: number | undefined;
  readonly onCounts?: (counts: PartitionCounts) => void;
  /** Gets one line for each change of the fault, and one when it is gone. */
  readonly log: Logger;
}

export function watchPartitions(
  kafka: ClusterSource,
  options: PartitionWatchOptions,
): PartitionWatch {
  const { names, deadLetters, everyMs = METADATA_MAX_AGE_MS, onCounts, log } = options;
  const orderTopics = TOPIC_NAMES.map((topic) => names.topic(topic));
  const others = deadLetters ? [names.topic(deadLetters)] : [];
  const closing = new AbortController();
  const { signal } = closing;
  let cluster: Cluster | undefined;
  let fault: string | undefined;
  let checking: Promise<void> | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  async function count(): Promise<PartitionCounts> {
    cluster ??= createCluster(kafka);
    const counts = await countPartitions(cluster, [...orderTopics, ...others]);
    onCounts?.(counts);
    return counts;
  }

  async function compare(): Promise<void> {
    try {
      let next = faultOf(orderTopics, others, await count());
      if (next !== undefined && next !== fault) {
        await pause(CONFIRM_MS, signal);
        next = faultOf(orderTopics, others, await count());
      }
      if (next === fault || signal.aborted) return;
      fault = next;
      if (fault) log.warn(fault);
      else log.info("all order topics exist, with the same number of partitions");
    } catch (error) {
      // The producers and consumers log that the cluster is down.
      log.debug(`partitions not counted: ${explain(error)}`);
      const last = cluster;
      cluster = undefined;
      await last?.disconnect().catch(() => {});
    }
  }

  const check = () => checking ??= compare().finally(() => checking = undefined);
  return {
    get fault() {
      return fault;
    },
    check() {
      timer ??= setInterval(check, everyMs);
      return check();
    },
    async close() {
      clearInterval(timer);
      closing.abort();
      const closed = (async () => {
        await checking;
        await cluster?.disconnect().catch(() => {});
      })();
      await settlesWithin(closed, CLOSE_LIMIT_MS);
    },
  };
}
