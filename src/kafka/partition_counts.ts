/**
 * How many partitions the order topics have. They must have the same number: what comes of an order
 * goes to the partition number that its OrderPlaced is in, and a topic with fewer has no place for it.
 * Topics are changed from outside, so this is asked again and again while a process runs.
 */
import "./patches/patches.ts";
import type { Kafka } from "kafkajs";
import metadataRequest from "kafkajs/src/protocol/requests/metadata/v4/request.js";
import metadataResponse from "kafkajs/src/protocol/requests/metadata/v4/response.js";
import type { Logger } from "../runtime/log.ts";
import { pause, settlesWithin } from "../runtime/shutdown.ts";
import { type DeadLetterTopic, type Names, TOPIC_NAMES } from "../topology.ts";
import { explain } from "./client/errors.ts";
import {
  askAnyBroker,
  type Cluster,
  createCluster,
  METADATA_MAX_AGE_MS,
} from "./client/cluster.ts";
import { answerOf } from "./client/coordinator.ts";
import { ERRORS } from "./client/error_codes.ts";

/** A broker learns of a change a moment after another: what is only seen once is not told. */
const CONFIRM_MS = 1_000;
const ANSWER_LIMIT_MS = 5_000;
const CLOSE_LIMIT_MS = 2_000;

/** By topic (its name on the cluster); 0: there is no such topic. What may not be seen is missing. */
export type PartitionCounts = ReadonlyMap<string, number>;

interface MetadataAnswer {
  topicMetadata: { topicErrorCode: number; topic: string; partitionMetadata: unknown[] }[];
}

/** @throws no broker answers */
export async function countPartitions(
  cluster: Cluster,
  topics: readonly string[],
): Promise<PartitionCounts> {
  // kafkajs fails when one topic of several is gone, and does not say which.
  const ask = {
    request: metadataRequest({ topics: [...topics], allowAutoTopicCreation: false }),
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
 * Why not every partition can be worked on, with the command that mends it; undefined when each can.
 *
 * @param others topics that have to be there, with any number of partitions
 */
export function faultOf(
  orderTopics: readonly string[],
  others: readonly string[],
  counts: PartitionCounts,
): string | undefined {
  const seen = orderTopics.flatMap((topic) => {
    const count = counts.get(topic);
    return count === undefined ? [] : [{ topic, count }];
  });
  const there = seen.filter(({ count }) => count > 0);
  // Whoever needs them waits for them, and says so.
  if (there.length === 0) return undefined;
  const most = Math.max(...there.map(({ count }) => count));
  const command = `\`deno task topics --partitions ${most}\``;
  if (there.some(({ count }) => count < most)) {
    const list = seen.map(({ topic, count }) => `${topic} ${count || "gone"}`).join(", ");
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

export interface PartitionWatch {
  /** Why not every partition can be worked on, or undefined when each can, as far as is known. */
  readonly fault: string | undefined;
  /** Compares now, and from now on again and again; resolves whatever comes of it. */
  look(): Promise<void>;
  close(): Promise<void>;
}

export interface PartitionWatchOptions {
  readonly names: Names;
  /** The dead-letter topic that has to be there, too. */
  readonly deadLetters?: DeadLetterTopic;
  /** How often to look, milliseconds: METADATA_MAX_AGE_MS unless said. */
  readonly everyMs?: number | undefined;
  readonly onCounts?: (counts: PartitionCounts) => void;
  /** Gets one line for each change of what is wrong, and one when all is well again. */
  readonly log: Logger;
}

export function watchPartitions(kafka: Kafka, options: PartitionWatchOptions): PartitionWatch {
  const { names, deadLetters, everyMs = METADATA_MAX_AGE_MS, onCounts, log } = options;
  const orderTopics = TOPIC_NAMES.map((topic) => names.topic(topic));
  const others = deadLetters ? [names.topic(deadLetters)] : [];
  const closing = new AbortController();
  const { signal } = closing;
  let cluster: Cluster | undefined;
  let fault: string | undefined;
  let looking: Promise<void> | undefined;
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
      else log.info("all order topics are there, with the same number of partitions");
    } catch (error) {
      // That the cluster is away, whoever works with it says.
      log.debug(`partitions not counted: ${explain(error)}`);
      const last = cluster;
      cluster = undefined;
      await last?.disconnect().catch(() => {});
    }
  }

  const look = () => looking ??= compare().finally(() => looking = undefined);
  return {
    get fault() {
      return fault;
    },
    look() {
      timer ??= setInterval(look, everyMs);
      return look();
    },
    async close() {
      clearInterval(timer);
      closing.abort();
      const closed = (async () => {
        await looking;
        await cluster?.disconnect().catch(() => {});
      })();
      await settlesWithin(closed, CLOSE_LIMIT_MS);
    },
  };
}
