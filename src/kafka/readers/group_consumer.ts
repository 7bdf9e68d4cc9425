/**
 * Reads the topics of a service as one member of its consumer group, for a service that publishes
 * nothing: committed events, in batches, in order within a partition.
 *
 * This process is handed no message twice, because it remembers how far it came. Offsets are committed
 * every few seconds, so that after a crash, or when a partition goes to another member, a few seconds
 * of events are read again by whoever reads on. kafkajs's own auto-commit would send a request for
 * every batch, whatever its interval.
 */
import type { EachBatchPayload, Kafka } from "kafkajs";
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import type { KafkaAccess } from "../access.ts";
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import { type Names, type Service, type Topic, topicsReadBy } from "../../topology.ts";
import { isBug } from "../client/errors.ts";
import { createClient } from "../client/client.ts";
import { isKafkaError } from "../client/errors.ts";
import { explain } from "../client/errors.ts";
import { clusterReady } from "../client/cluster_ready.ts";
import { createEventDecoder } from "./event_decoder.ts";
import { createAssigner } from "../group/assigner.ts";
import { watchForeignMembers } from "../group/foreign_members.ts";
import { watchHeartbeats } from "../group/heartbeats.ts";
import { commitPositions, createPositions, type Positions } from "./positions.ts";
import { METADATA_MAX_AGE_MS } from "../client/cluster.ts";
import { LogGuard, type LossMetrics } from "./log_guard.ts";
import {
  type ConsumerState,
  createConsumerState,
  endOf,
  PausedPartitions,
} from "./resting_partitions.ts";
import { createLogStates, type LogStates } from "../log_watch/log_states.ts";
import { sentenceOf, unreadableOf } from "../protocol/unreadable.ts";

export interface GroupConsumerOptions {
  readonly access: KafkaAccess;
  /** This process's name, unique among the members of its group. */
  readonly clientId: string;
  readonly service: Service;
  readonly names: Names;
  /** Told the events of one partition, in order; what it throws ends the tail. */
  readonly onEvents: (events: readonly OrderEvent[]) => void;
  /** How long a stop may take before it is given up. */
  readonly drainTimeoutMs: number;
  /** How old what is known of the topics may become; METADATA_MAX_AGE_MS unless said. */
  readonly metadataMaxAgeMs?: number;
  readonly log: Logger;
  readonly losses?: LossMetrics | undefined;
  /** How often the topics' ids are compared while nothing gives a reason to: 30,000 unless said. */
  readonly topicCheckMs?: number;
  /** After how long a partition whose next batch cannot be read is tried again; 5,000 unless said. */
  readonly unreadableRetryMs?: number;
}

export interface GroupConsumer {
  /**
   * Reads until `signal` aborts, through restarts and absences of the cluster.
   *
   * @throws whatever `onEvents` throws
   */
  run(signal: AbortSignal): Promise<void>;
  /** Why it is not reading, or undefined when it is a member of its group. */
  notReady(): string | undefined;
  /** Partitions that are assigned to this member, or were when it stopped. */
  readonly partitions: number;
  /** Messages that were no events. */
  readonly undecodable: number;
}

/** Bounded, whatever the backlog, as in session.ts. */
const FETCH_BYTES = 4 * 1024 * 1024;
const FETCH_BYTES_PER_PARTITION = 512 * 1024;
const FETCH_MIN_BYTES = 64 * 1024;
/** Nobody's order waits for a tail: with 50 ms, as in session.ts, an idle broker works for nothing. */
const FETCH_WAIT_MS = 200;

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 2_000;
const COMMIT_EVERY_MS = 2_000;
const RESTART_PAUSE_MS = 500;

export function createGroupConsumer(options: GroupConsumerOptions): GroupConsumer {
  const { access, service, names, log } = options;
  const topicByName = new Map(topicsReadBy(service).map((topic) => [names.topic(topic), topic]));
  const decoder = createEventDecoder(log);
  const positions = createPositions();
  const topicIds = new Map<string, string>();
  let partitions = 0;
  const rests = new PausedPartitions(positions, options.unreadableRetryMs);
  const state = createConsumerState(rests, log);

  async function onBatch(kafka: Kafka, payload: EachBatchPayload): Promise<void> {
    const { batch, isRunning, isStale } = payload;
    if (!isRunning() || isStale()) return;
    const { topic: name, partition } = batch;
    const topic = topicByName.get(name);
    if (topic === undefined) throw new TypeError(`read from a topic not subscribed to: ${name}`);
    const next = positions.next(name, partition);
    const fetched = batch.messages.filter(({ offset }) => Number(offset) >= next);
    const stop = fetched.findIndex((message) => unreadableOf(message));
    const messages = stop < 0 ? fetched : fetched.slice(0, stop);
    options.onEvents(decoder.decode({ topic, partition }, messages));
    // After the last message may come a control record, which nobody sees: step over it, too.
    let end = Number(batch.lastOffset()) + 1;
    if (stop >= 0) {
      const unreadable = unreadableOf(fetched[stop]!)!;
      const found = await endOf(kafka, batch, unreadable);
      if (typeof found === "string") {
        if (messages.length > 0) passed(payload, Number(messages.at(-1)!.offset) + 1);
        rests.rest(payload, found);
        return state.tell();
      }
      end = Math.max(next, found);
      const lost = end > unreadable.offset;
      if (lost) log.warn(`${sentenceOf(batch, { ...unreadable, next: end })}; left out`);
    }
    passed(payload, end);
    state.tell();
  }

  function passed({ batch, resolveOffset }: EachBatchPayload, end: number): void {
    positions.advance(batch.topic, batch.partition, end);
    resolveOffset(String(end - 1));
  }

  function onAssignment(assignment: Record<string, number[]>): void {
    positions.reassigned();
    rests.assigned(assignment);
    partitions = Object.values(assignment).reduce((sum, list) => sum + list.length, 0);
    log.info(`assigned ${partitions} partitions of ${topicByName.size} topics`);
  }

  return {
    notReady: state.notReady,
    get partitions() {
      return partitions;
    },
    get undecodable() {
      return decoder.undecodable;
    },
    async run(signal) {
      const kafka = createClient(access, options.clientId);
      const logs = createLogStates(kafka);
      while (!signal.aborted) {
        await clusterReady(kafka, {
          access,
          topics: [...topicByName.keys()],
          signal,
          onWait: state.set,
        });
        if (signal.aborted) break;
        const session = {
          ...options,
          kafka,
          logs,
          topicByName,
          topicIds,
          positions,
          onBatch: (payload: EachBatchPayload) => onBatch(kafka, payload),
          onAssignment,
          state,
        };
        const crash = await runSession(session, signal);
        rests.close();
        if (crash?.fatal) {
          await logs.close();
          throw crash.error;
        }
        if (crash) {
          partitions = 0;
          state.set(`the consumer stopped (${explain(crash.error)}); starting it again`);
          await pause(RESTART_PAUSE_MS, signal);
        }
      }
      await logs.close();
      state.stopped();
    },
  };
}

interface Session extends GroupConsumerOptions {
  readonly kafka: Kafka;
  readonly logs: LogStates;
  readonly topicByName: ReadonlyMap<string, Topic>;
  readonly topicIds: Map<string, string>;
  readonly positions: Positions;
  readonly onBatch: (payload: EachBatchPayload) => Promise<void>;
  readonly onAssignment: (assignment: Record<string, number[]>) => void;
  readonly state: ConsumerState;
}

interface Crash {
  readonly error: unknown;
  readonly fatal: boolean;
}

/** One life of a kafkajs consumer; resolves when `signal` aborts (undefined) or it crashes. */
async function runSession(session: Session, signal: AbortSignal): Promise<Crash | undefined> {
  const { kafka, topicByName, positions, onBatch, onAssignment, drainTimeoutMs, log } = session;
  const group = session.names.group(session.service);
  const assigner = createAssigner();
  const consumer = kafka.consumer({
    groupId: group,
    partitionAssigners: [assigner.create],
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    rebalanceTimeout: SESSION_TIMEOUT_MS,
    maxBytes: FETCH_BYTES,
    maxBytesPerPartition: FETCH_BYTES_PER_PARTITION,
    minBytes: FETCH_MIN_BYTES,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    metadataMaxAge: session.metadataMaxAgeMs ?? METADATA_MAX_AGE_MS,
    allowAutoTopicCreation: false,
    retry: {
      // Enough for the second or so in which a new cluster's coordinator is still loading.
      retries: 8,
      // kafkajs would restart by itself only after some errors; we do it after all.
      restartOnFailure: () => Promise.resolve(false),
    },
  });
  const guard = new LogGuard({
    ...session,
    consumer,
    topics: topicByName,
    ids: session.topicIds,
    metrics: session.losses,
  });
  const commit = () => commitPositions(consumer, positions, log);
  const { promise: ended, resolve: end } = Promise.withResolvers<Crash | undefined>();
  const onAbort = () => end(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    end({ error: payload.error, fatal: false });
  });
  /** That another application leads the group. */
  let led: string | undefined;
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assigner.owns(payload.memberAssignment);
    onAssignment(payload.memberAssignment);
    session.state.set(led);
  });
  const stopLooking = watchForeignMembers(consumer, {
    group,
    topics: [...topicByName.keys()],
    onLed: (reason) => session.state.set(led = reason),
    log,
  });
  // Sent before the member joins again: who gets a partition then does not read much of it again.
  consumer.on(consumer.events.REBALANCING, () => void commit());
  // Batches of control records and aborted messages alone pass by `eachBatch`.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    const { topic, partition, batchSize, lastOffset } = payload;
    if (batchSize === 0) positions.advance(topic, partition, Number(lastOffset) + 1);
  });
  const stopWatching = watchHeartbeats(consumer, HEARTBEAT_MS, {
    onSilence: session.state.set,
    onHeard: () => session.state.set(led),
  });
  const committing = setInterval(() => {
    // A partition that rested may have been moved on by the guard.
    session.state.tell();
    void commit();
  }, COMMIT_EVERY_MS);
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topicByName.keys()], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => {
        if (!await guard.settled()) return;
        // kafkajs would try again what `onEvents` threw.
        try {
          if (!signal.aborted) await onBatch(payload);
        } catch (error) {
          end({ error, fatal: !isKafkaError(error) });
        }
      },
    });
    return await ended;
  } catch (error) {
    return { error, fatal: isBug(error) };
  } finally {
    signal.removeEventListener("abort", onAbort);
    clearInterval(committing);
    stopWatching();
    stopLooking();
    guard.close();
    const drained = (async () => {
      await commit();
      await consumer.disconnect();
    })();
    // kafkajs#1074: disconnecting while the group rebalances can hang.
    if (!await settlesWithin(drained, drainTimeoutMs)) {
      log.warn(`not stopped within ${drainTimeoutMs} ms: leaving the membership to its timeout`);
    }
  }
}
