/**
 * A member of a consumer group: the one set-up of a kafkajs consumer, from its start to a stop or a
 * crash. It assigns by our own rule, and says why it is no working member.
 */
import type { Consumer, Kafka } from "kafkajs";
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import type { Topic } from "../../topology.ts";
import { METADATA_MAX_AGE_MS } from "../client/cluster.ts";
import { isBug, isKafkaError, isRefusedLogin, whyUnreachable } from "../client/errors.ts";
import { watchConsumer } from "./fetch_watch.ts";
import { onJoined, onJoinFailed, onJoining } from "../patches/consumer.ts";
import type { TopicPartition } from "../protocol/requests.ts";
import { createAssigner } from "./assigner.ts";
import { watchForeignMembers } from "./foreign_members.ts";
import {
  type BatchInHand,
  type Crash,
  type FetchedBatch,
  type Member,
  type MemberEvents,
  type MemberOptions,
  type PositionEvents,
  topicNamed,
} from "./membership.ts";

/** Answers to a heartbeat after which kafkajs joins the group anew. */
const LOST_MEMBERSHIP = new Set([
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
]);

export class GroupMember implements Member {
  readonly consumer: Consumer;
  readonly #assigner = createAssigner();
  readonly #heartbeatMs: number;
  readonly #ended = Promise.withResolvers<Crash | undefined>();
  #onState = () => {};
  /** That the group's coordinator does not answer, or refuses the login. */
  #silence: string | undefined;
  /** That another application leads the group. */
  #foreignLeader: string | undefined;

  constructor(kafka: Kafka, readonly options: MemberOptions) {
    this.#heartbeatMs = Math.floor(options.sessionTimeoutMs / 5);
    this.consumer = kafka.consumer({
      groupId: options.group,
      partitionAssigners: [this.#assigner.create],
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: this.#heartbeatMs,
      rebalanceTimeout: options.sessionTimeoutMs,
      ...options.fetch,
      metadataMaxAge: options.metadataMaxAgeMs ?? METADATA_MAX_AGE_MS,
      allowAutoTopicCreation: false,
      retry: {
        // Enough for the second or so in which a new cluster's coordinator is still loading.
        retries: 8,
        // kafkajs would restart by itself only after some errors; we do it after all.
        restartOnFailure: () => Promise.resolve(false),
      },
    });
  }

  get group(): string {
    return this.options.group;
  }

  get notReady(): string | undefined {
    return this.#silence ?? this.#foreignLeader;
  }

  topicOf(name: string): Topic {
    return topicNamed(this.options, name);
  }

  crash(crash: Crash): void {
    this.#ended.resolve(crash);
  }

  async run(signal: AbortSignal, events: MemberEvents): Promise<Crash | undefined> {
    const { consumer } = this;
    const { topics, concurrency = 1, drainTimeoutMs, log } = this.options;
    const onAbort = () => this.#ended.resolve(undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const stopWatching = this.#watch(events);
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics.keys()], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: concurrency,
        eachBatch: ({ batch, ...rest }) =>
          events.onBatch({ ...rest, batch: batch as unknown as FetchedBatch }),
      });
      return await this.#ended.promise;
    } catch (error) {
      return { error, fatal: isBug(error) };
    } finally {
      signal.removeEventListener("abort", onAbort);
      stopWatching();
      const drained = events.onStop().finally(() => consumer.disconnect());
      // kafkajs#1074: disconnecting while the group rebalances can hang.
      if (!await settlesWithin(drained, drainTimeoutMs)) {
        log.warn(`not drained within ${drainTimeoutMs} ms: leaving what is open to its timeouts`);
      }
    }
  }

  #watch({ onAssigned, onRejoin, onState }: MemberEvents): () => void {
    const { consumer } = this;
    const { group, topics, log } = this.options;
    this.#onState = onState;
    consumer.on(consumer.events.CRASH, ({ payload: { error } }) => {
      this.crash({ error, fatal: false });
    });
    if (onRejoin) {
      onJoining(consumer, onRejoin);
      // What was in hand has ended for it; kafkajs might go on with the next, in the generation before.
      onJoinFailed(consumer, (error) => this.crash({ error, fatal: false }));
    }
    onJoined(consumer, ({ assignment, generation }) => {
      this.#assigner.owns(assignment);
      onAssigned(assignment, generation);
    });
    // A login that was refused may be accepted before the coordinator has been silent for long.
    consumer.on(consumer.events.HEARTBEAT, () => {
      if (this.#silence !== undefined) this.#setSilence(undefined);
    });
    const stopWatching = watchHeartbeats(consumer, this.#heartbeatMs, {
      onSilence: (reason) => this.#setSilence(this.#silence ?? reason),
      onHeard: () => this.#setSilence(undefined),
    });
    const stopChecking = watchForeignMembers(consumer, {
      group,
      topics: [...topics.keys()],
      onLed: (reason) => {
        this.#foreignLeader = reason;
        onState();
      },
      log,
    });
    return () => {
      stopWatching();
      stopChecking();
    };
  }

  #setSilence(reason: string | undefined): void {
    this.#silence = reason;
    this.#onState();
  }

  async keepAlive(
    { heartbeat }: Pick<BatchInHand, "heartbeat">,
    work: () => Promise<void>,
    onLost: (error: unknown) => void,
  ): Promise<void> {
    const { access, sessionTimeoutMs } = this.options;
    const onError = (error: unknown) => {
      const { type } = error as { type?: string };
      if (type !== undefined && LOST_MEMBERSHIP.has(type)) onLost(error);
      if (!isRefusedLogin(error)) return;
      // Its batch keeps the consumer from finding out by itself.
      const brokers = access.brokers.join(", ");
      this.#setSilence(`Kafka at ${brokers}: ${whyUnreachable(error, access)}`);
    };
    const beating = setInterval(() => heartbeat().catch(onError), sessionTimeoutMs / 10);
    try {
      await work();
    } finally {
      clearInterval(beating);
    }
  }

  watchPositions(maxFetchGapMs: number, events: PositionEvents): void {
    watchConsumer(this.consumer, maxFetchGapMs, events);
  }

  onRebalancing(listener: () => void): void {
    this.consumer.on(this.consumer.events.REBALANCING, listener);
  }

  seek({ topic, partition }: TopicPartition, offset: number): void {
    whileItRuns(() => this.consumer.seek({ topic, partition, offset: String(offset) }));
  }

  pause({ topic, partition }: TopicPartition): void {
    whileItRuns(() => this.consumer.pause([{ topic, partitions: [partition] }]));
  }

  resume({ topic, partition }: TopicPartition): void {
    whileItRuns(() => this.consumer.resume([{ topic, partitions: [partition] }]));
  }

  stop(): Promise<void> {
    return this.consumer.stop();
  }
}

/** kafkajs refuses to move a consumer that has stopped or crashed; then there is nothing to move. */
export function whileItRuns(move: () => void): void {
  try {
    move();
  } catch (error) {
    if (!isKafkaError(error)) throw error;
  }
}

/** How long to wait before a member that crashed is started again. */
const RESTART_PAUSE_MS = 500;

/**
 * Starts one member after another, until `signal` aborts.
 *
 * @param start resolves when the member has ended
 * @param onCrash told why, before the next is started
 * @throws whatever is a bug
 */
export async function keepMember(
  signal: AbortSignal,
  start: () => Promise<Crash | undefined>,
  onCrash: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    const crash = await start();
    if (!crash) continue;
    if (crash.fatal) throw crash.error;
    onCrash(crash.error);
    await pause(RESTART_PAUSE_MS, signal);
  }
}

const CHECK_EVERY_MS = 500;
/** Heartbeats that may be missing before it is reported: a coordinator moves in less. */
const MAX_MISSING = 2.5;

/**
 * Reports once when the coordinator of a consumer that has joined does not answer any more, and once
 * when it does again. kafkajs goes on meanwhile, for a coordinator that has moved knows its members.
 *
 * @param intervalMs the consumer's heartbeatInterval
 * @returns ends the watch
 */
export function watchHeartbeats(
  consumer: Consumer,
  intervalMs: number,
  { onSilence, onHeard }: { onSilence: (reason: string) => void; onHeard: () => void },
): () => void {
  let heardAt: number | undefined;
  let silent = false;
  const heard = () => {
    heardAt = performance.now();
    if (silent) onHeard();
    silent = false;
  };
  const removers = [
    consumer.on(consumer.events.GROUP_JOIN, heard),
    consumer.on(consumer.events.HEARTBEAT, heard),
    // While the group is being assigned no member sends heartbeats.
    consumer.on(consumer.events.REBALANCING, () => heardAt = undefined),
  ];
  const timer = setInterval(() => {
    if (silent || heardAt === undefined) return;
    if (performance.now() - heardAt < MAX_MISSING * intervalMs) return;
    silent = true;
    onSilence("the coordinator of the consumer group does not answer");
  }, CHECK_EVERY_MS);
  return () => {
    clearInterval(timer);
    for (const remove of removers) remove();
  };
}
