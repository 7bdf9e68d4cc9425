/** Members of consumer groups, whose leaders and coordinators move. */
import type { Consumer } from "kafkajs";
import { type AbortedTransaction, type Fetched, withoutAborted } from "./read_committed.ts";
import type { TopicPartition } from "../protocol/requests.ts";
import { replaceModule, require } from "./replace_module.ts";

/**
 * kafkajs expects the broker's list of aborted transactions in the order of their first offsets, and
 * steps into at most one of them a record. With two that overlap in a partition, as those are that a
 * killed member leaves, records of the one came through as if committed.
 */
export function patchReadCommitted(): void {
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
export function patchFetchVersion(): void {
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
export function patchFetchRecovery(): void {
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
export function patchLostCoordinator(): void {
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
  instrumentationEmitter: { emit(event: string, payload: OffsetOutOfRange): void };
  nextOffset(topic: string, partition: number): { toString(): string };
  setDefaultOffset(place: TopicPartition): Promise<void>;
}

export interface OffsetOutOfRange extends TopicPartition {
  /** That was fetched at. */
  readonly offset: number;
}

/** One of kafkajs's instrumentation events, which we add to them. */
const OUT_OF_RANGE = "consumer.offset_out_of_range";

/**
 * Of a position outside the log kafkajs commits "the beginning" for the group, outside every
 * transaction, and reads everything once more. Where to go on is decided by those who know what was
 * processed: they are told, and pause the partition meanwhile.
 */
export function patchOffsetReset(): void {
  const { events } = require("kafkajs/src/consumer/instrumentationEvents.js") as {
    events: Record<string, string>;
  };
  events.OFFSET_OUT_OF_RANGE = OUT_OF_RANGE;
  const { prototype } = require("kafkajs/src/consumer/offsetManager/index.js") as {
    prototype: OffsetManager;
  };
  prototype.setDefaultOffset = async function ({ topic, partition }) {
    const offset = Number(this.nextOffset(topic, partition).toString());
    this.instrumentationEmitter.emit(OUT_OF_RANGE, { topic, partition, offset });
    // Where nobody has paused it, the next fetch asks again.
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  };
}

/** Tells `listener` each time that the consumer fetched a partition at an offset outside its log. */
export function onOffsetOutOfRange(
  consumer: Consumer,
  listener: (place: OffsetOutOfRange) => void,
): void {
  const on = consumer.on as (
    event: string,
    listener: (event: { payload: OffsetOutOfRange }) => void,
  ) => void;
  on(OUT_OF_RANGE, ({ payload }) => listener(payload));
}
