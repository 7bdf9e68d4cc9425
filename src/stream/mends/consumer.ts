/** Members of consumer groups, whose leaders and coordinators move. */
import { type AbortedTransaction, type Fetched, withoutAborted } from "../committed.ts";
import { replaceModule, require } from "./modules.ts";

/**
 * kafkajs expects the broker's list of aborted transactions in the order of their first offsets, and
 * steps into at most one of them a record. With two that overlap in a partition, as those are that a
 * killed member leaves, records of the one came through as if committed.
 */
export function mendReadCommitted(): void {
  replaceModule(
    "kafkajs/src/consumer/filterAbortedMessages.js",
    ({ messages, abortedTransactions }: {
      messages: Fetched[];
      abortedTransactions: AbortedTransaction[] | null;
    }) => withoutAborted(messages, abortedTransactions),
  );
}

/**
 * With Fetch v11 a broker answers for partitions that it only follows, too, and kafkajs tells no leader
 * epoch. One that has just been restarted lacks what it has not copied yet, and says
 * OFFSET_OUT_OF_RANGE (kafkajs#1119). With v10 it says that it is not the leader.
 */
export function mendFetchVersion(): void {
  const fetch = require("kafkajs/src/protocol/requests/fetch/index.js") as { versions: string[] };
  fetch.versions = fetch.versions.filter((version) => Number(version) <= 10);
}

interface ConsumerGroup {
  groupId: string;
  sessionTimeout: number;
  /** When the coordinator last answered, epoch milliseconds. */
  lastRequest: number;
  coordinator: unknown;
  offsetManager: { coordinator: unknown } | null;
  cluster: {
    refreshMetadata(): Promise<void>;
    findGroupCoordinator(request: { groupId: string }): Promise<unknown>;
  };
  recoverFromFetch(error: unknown): Promise<void>;
  heartbeat(options: { interval: number }): Promise<void>;
}

const MOVED_LEADER = new Set([
  "NOT_LEADER_FOR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "REPLICA_NOT_AVAILABLE",
  "OFFSET_NOT_AVAILABLE",
  "KAFKA_STORAGE_ERROR",
]);
const MOVED_COORDINATOR = new Set([
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
]);
const NO_ANSWER = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
  "KafkaJSLockTimeout",
]);
const RETRY_MS = 100;
/** Kafka's code. */
const REBALANCE_IN_PROGRESS = 27;

/** An error's own words, or those of what it wraps. */
function wordsOf(error: unknown): { name: string; type: string } {
  const { name = "", type, cause } = (error ?? {}) as {
    name?: string;
    type?: string;
    cause?: unknown;
  };
  if (type === undefined && cause instanceof Error) return wordsOf(cause);
  return { name, type: type ?? "" };
}

const isAbout = (types: ReadonlySet<string>, error: unknown) => types.has(wordsOf(error).type);
const isNewPartition = (error: unknown) =>
  wordsOf(error).name === "KafkaJSStaleTopicMetadataAssignment";
const isUnanswered = (error: unknown) => NO_ANSWER.has(wordsOf(error).name);
const willPass = (error: unknown) =>
  isAbout(MOVED_LEADER, error) || isAbout(MOVED_COORDINATOR, error) || isUnanswered(error);

/**
 * A leader that has moved makes kafkajs join its group anew, which stops all members; a broker that is
 * away ends the consumer, for its failures are counted as long as it lives. It is enough to ask who
 * leads now.
 */
export function mendFetchRecovery(): void {
  const { prototype } = require("kafkajs/src/consumer/consumerGroup.js") as {
    prototype: ConsumerGroup;
  };
  const { createErrorFromCode } = require("kafkajs/src/protocol/error.js");
  const { recoverFromFetch } = prototype;
  prototype.recoverFromFetch = async function (error) {
    // A topic has new partitions: the group is assigned anew, when what is at work has been finished.
    // kafkajs joins in the middle of it, and once for each broker.
    if (isNewPartition(error)) throw createErrorFromCode(REBALANCE_IN_PROGRESS);
    let reason = error;
    if (!willPass(reason)) {
      try {
        return await recoverFromFetch.call(this, reason);
      } catch (failure) {
        // What it asked on the way, such as where a log begins, may have moved as well.
        if (!willPass(failure)) throw failure;
        reason = failure;
      }
    }
    if (isForgotten(this)) throw reason;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    if (isAbout(MOVED_COORDINATOR, reason)) await findCoordinator(this);
    else await this.cluster.refreshMetadata().catch(() => {});
  };
}

/**
 * A coordinator that has moved knows its members: one goes on as it is. kafkajs ends the consumer
 * instead, and the group waits for the member that never said goodbye.
 */
export function mendLostCoordinator(): void {
  const { prototype } = require("kafkajs/src/consumer/consumerGroup.js") as {
    prototype: ConsumerGroup;
  };
  const { heartbeat } = prototype;
  prototype.heartbeat = async function (options) {
    try {
      await heartbeat.call(this, options);
    } catch (error) {
      const isAway = isAbout(MOVED_COORDINATOR, error) || isUnanswered(error);
      if (!isAway || isForgotten(this)) throw error;
      await findCoordinator(this);
    }
  };
}

/** Whether the group has given this member up by now, whoever its coordinator is. */
function isForgotten({ lastRequest, sessionTimeout }: ConsumerGroup): boolean {
  return Date.now() - lastRequest > sessionTimeout;
}

/** Asked again by the next heartbeat, if it is not to be found now. */
async function findCoordinator(group: ConsumerGroup): Promise<void> {
  const { groupId } = group;
  const coordinator = await group.cluster.findGroupCoordinator({ groupId }).catch(() => undefined);
  if (coordinator === undefined) return;
  group.coordinator = coordinator;
  if (group.offsetManager) group.offsetManager.coordinator = coordinator;
}

interface OffsetManager {
  resolvedOffsets: Record<string, Record<number, string>>;
  cluster: {
    fetchTopicsOffset(
      topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
    ): Promise<{ partitions: { offset: string }[] }[]>;
  };
  nextOffset(topic: string, partition: number): { toString(): string };
  setDefaultOffset(place: { topic: string; partition: number }): Promise<void>;
}

/**
 * Of a position outside the log kafkajs commits "the beginning" for the group, outside every
 * transaction, and reads everything once more. What was deleted before it was read is passed over; a
 * position behind the log's end is a log that lost records, or is another one: that is told, and
 * nobody reads on.
 */
export function mendOffsetReset(): void {
  const { prototype } = require("kafkajs/src/consumer/offsetManager/index.js") as {
    prototype: OffsetManager;
  };
  const { KafkaJSNonRetriableError } = require("kafkajs/src/errors.js");
  prototype.setDefaultOffset = async function ({ topic, partition }) {
    const ask = async (fromBeginning: boolean) => {
      const request = { topic, partitions: [{ partition }], fromBeginning };
      const [answer] = await this.cluster.fetchTopicsOffset([request]);
      const offset = answer?.partitions[0]?.offset;
      return offset === undefined ? undefined : Number(offset);
    };
    const position = Number(this.nextOffset(topic, partition).toString());
    const [first, end] = await Promise.all([ask(true), ask(false)]);
    // Nobody to ask at the moment, or the leader has changed since: the next fetch asks again.
    if (first === undefined || end === undefined || (first <= position && position <= end)) return;
    if (position > end) {
      throw new KafkaJSNonRetriableError(
        `the next offset of ${topic}/${partition} is ${position}, but its log ends at ${end}: it ` +
          "has lost records, or was made anew",
      );
    }
    this.resolvedOffsets[topic]![partition] = String(first);
  };
}
