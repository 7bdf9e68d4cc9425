/** Members of consumer groups, when leaders and coordinators move. */
import type { Consumer } from "kafkajs";
import type { MemberGeneration, TopicPartition } from "../protocol/requests.ts";
import { require } from "./replace_module.ts";

interface ConsumerGroup {
  groupId: string;
  sessionTimeout: number;
  generationId: number;
  memberId: string;
  /** When the coordinator last answered, epoch milliseconds. */
  lastRequest: number;
  coordinator: unknown;
  offsetManager: { coordinator: unknown } | null;
  cluster: {
    refreshMetadata(): Promise<void>;
    findGroupCoordinator(request: { groupId: string }): Promise<unknown>;
  };
  instrumentationEmitter: { emit(event: string, payload: object): void };
  assigned(): { topic: string; partitions: number[] }[];
  joinAndSync(): Promise<void>;
  fetch(nodeId: number): Promise<unknown[]>;
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
export const isUnanswered = (error: unknown) => NO_ANSWER.has(wordsOf(error).name);
export const isAboutCoordinator = (error: unknown) => isAbout(MOVED_COORDINATOR, error);
/** Whether a fetch that failed so only has to be sent again, perhaps to another broker. */
export const willPass = (error: unknown) =>
  isAbout(MOVED_LEADER, error) || isAboutCoordinator(error) || isUnanswered(error);

/**
 * kafkajs#1011, #1439: a moved leader makes kafkajs join its group again, which stops all members. A
 * broker that is away ends the consumer: its failures are counted as long as it lives. It is enough to
 * look the leaders up again.
 */
export function patchFetchRecovery(): void {
  const { prototype } = require("kafkajs/src/consumer/consumerGroup.js") as {
    prototype: ConsumerGroup;
  };
  const { createErrorFromCode } = require("kafkajs/src/protocol/error.js");
  const { recoverFromFetch } = prototype;
  prototype.recoverFromFetch = async function (error) {
    // A topic has new partitions: a rebalance, after the batches at work. kafkajs joins again in the
    // middle of them, and once for each broker.
    if (isNewPartition(error)) throw createErrorFromCode(REBALANCE_IN_PROGRESS);
    let reason = error;
    if (!willPass(reason)) {
      try {
        return await recoverFromFetch.call(this, reason);
      } catch (failure) {
        // A request made on the way, such as for the beginning of a log, may have failed the same way.
        if (!willPass(failure)) throw failure;
        reason = failure;
      }
    }
    if (isForgotten(this)) throw reason;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    if (isAboutCoordinator(reason)) await findCoordinator(this);
    else await this.cluster.refreshMetadata().catch(() => {});
  };
}

/**
 * kafkajs#1630: a coordinator that has moved still knows its members, and a member can go on. kafkajs
 * ends the consumer, which cannot leave the group then: the group waits for it.
 */
export function patchLostCoordinator(): void {
  const { prototype } = require("kafkajs/src/consumer/consumerGroup.js") as {
    prototype: ConsumerGroup;
  };
  const { heartbeat } = prototype;
  prototype.heartbeat = async function (options) {
    // The clock was set back: none would be due until it has caught up, and the group gives us up.
    if (this.lastRequest > Date.now()) this.lastRequest = Date.now() - options.interval;
    try {
      await heartbeat.call(this, options);
    } catch (error) {
      const isAway = isAboutCoordinator(error) || isUnanswered(error);
      if (!isAway || isForgotten(this)) throw error;
      await findCoordinator(this);
    }
  };
}

/** Whether the group has given this member up by now. */
function isForgotten({ lastRequest, sessionTimeout }: ConsumerGroup): boolean {
  return Date.now() - lastRequest > sessionTimeout;
}

/** If it cannot be found now, the next heartbeat asks again. */
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
  /** The one that was fetched at. */
  readonly offset: number;
}

// Instrumentation events that we add to those of kafkajs, which refuses a listener for others.
const OUT_OF_RANGE = "consumer.offset_out_of_range";
const FETCH_ANSWERED = "consumer.fetch_answered";
const JOINING = "consumer.joining";
const JOINED = "consumer.joined";
const JOIN_FAILED = "consumer.join_failed";

interface Joined {
  /** Partitions by topic. */
  readonly assignment: Record<string, number[]>;
  readonly generation: MemberGeneration;
}

function addEvent(name: string): void {
  const { events } = require("kafkajs/src/consumer/instrumentationEvents.js");
  events[name] = name;
}

interface Runner {
  readonly running: boolean;
  readonly fetchManager: { stop(): Promise<void> };
  fetch(nodeId: number): Promise<unknown[]>;
}

/**
 * kafkajs makes its fetchers anew for another set of brokers, also while the consumer stops. Nobody stops
 * these: they are told that there is nothing, without a pause, forever, and the process does nothing else.
 */
export function patchStoppedFetchers(): void {
  const { prototype } = require("kafkajs/src/consumer/runner.js") as { prototype: Runner };
  const { fetch } = prototype;
  prototype.fetch = function (nodeId) {
    if (this.running) return fetch.call(this, nodeId);
    void this.fetchManager.stop();
    return Promise.resolve([]);
  };
}

/** kafkajs's own event of a fetch does not say whether it failed: its number of batches is always 0. */
export function patchFetchEvents(): void {
  addEvent(FETCH_ANSWERED);
  const { prototype } = require("kafkajs/src/consumer/consumerGroup.js") as {
    prototype: ConsumerGroup;
  };
  const { fetch } = prototype;
  prototype.fetch = async function (nodeId) {
    const batches = await fetch.call(this, nodeId);
    if (batches.length > 0) this.instrumentationEmitter.emit(FETCH_ANSWERED, { nodeId });
    return batches;
  };
}

/**
 * kafkajs joins anew whatever is in hand. Its own event of a join does not say which generation of the
 * group it was. And the fetchers of two brokers may join at once: the one's assignment would go with the
 * other's generation. And where a join fails, it may go on in the generation before, without a word.
 */
export function patchJoins(): void {
  addEvent(JOINING);
  addEvent(JOINED);
  addEvent(JOIN_FAILED);
  const { prototype } = require("kafkajs/src/consumer/consumerGroup.js") as {
    prototype: ConsumerGroup;
  };
  const { joinAndSync } = prototype;
  const joining = new WeakMap<ConsumerGroup, Promise<void>>();
  prototype.joinAndSync = function () {
    let join = joining.get(this);
    if (join === undefined) {
      const inHand: Promise<unknown>[] = [];
      this.instrumentationEmitter.emit(JOINING, { inHand });
      join = Promise.all(inHand)
        .then(() => joinAndSync.call(this))
        .catch((error) => {
          this.instrumentationEmitter.emit(JOIN_FAILED, { error });
          throw error;
        })
        .then(() => this.instrumentationEmitter.emit(JOINED, joinedBy(this)))
        .finally(() => joining.delete(this));
      joining.set(this, join);
    }
    return join;
  };
}

function joinedBy(group: ConsumerGroup): Joined {
  const { generationId: generation, memberId } = group;
  const assignment = group.assigned().map(({ topic, partitions }) => [topic, partitions]);
  return { assignment: Object.fromEntries(assignment), generation: { generation, memberId } };
}

/**
 * kafkajs#1119: for a position outside the log kafkajs commits "the beginning" for the group, outside
 * any transaction, and reads everything again. Our consumers decide themselves where to go on: they get
 * an event, and pause the partition meanwhile.
 */
export function patchOffsetReset(): void {
  addEvent(OUT_OF_RANGE);
  const { prototype } = require("kafkajs/src/consumer/offsetManager/index.js") as {
    prototype: OffsetManager;
  };
  prototype.setDefaultOffset = async function ({ topic, partition }) {
    const offset = Number(this.nextOffset(topic, partition).toString());
    this.instrumentationEmitter.emit(OUT_OF_RANGE, { topic, partition, offset });
    // If the partition is not paused, the next fetch asks again.
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  };
}

/** Calls `listener` each time the consumer has fetched a partition at an offset outside its log. */
export function onOffsetOutOfRange(
  consumer: Consumer,
  listener: (place: OffsetOutOfRange) => void,
): void {
  listen(consumer, OUT_OF_RANGE, listener);
}

/** Calls `listener` with the broker of each fetch that was answered, before its batches are handed over. */
export function onFetchAnswered(consumer: Consumer, listener: (nodeId: number) => void): void {
  listen<{ nodeId: number }>(consumer, FETCH_ANSWERED, ({ nodeId }) => listener(nodeId));
}

/** Calls `listener` each time before the consumer joins its group, which waits until it has resolved. */
export function onJoining(consumer: Consumer, listener: () => Promise<unknown>): void {
  listen<{ inHand: Promise<unknown>[] }>(
    consumer,
    JOINING,
    ({ inHand }) => inHand.push(listener()),
  );
}

/** Calls `listener` each time the consumer has joined its group, before it fetches. */
export function onJoined(consumer: Consumer, listener: (joined: Joined) => void): void {
  listen(consumer, JOINED, listener);
}

/** Calls `listener` each time the consumer could not join its group: it may try again, or may not. */
export function onJoinFailed(consumer: Consumer, listener: (error: unknown) => void): void {
  listen<{ error: unknown }>(consumer, JOIN_FAILED, ({ error }) => listener(error));
}

function listen<T>(consumer: Consumer, event: string, listener: (payload: T) => void): void {
  const on = consumer.on as (event: string, listener: (event: { payload: T }) => void) => void;
  on(event, ({ payload }) => listener(payload));
}
