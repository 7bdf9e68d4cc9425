/**
 * Reads the topics of a service as one member of its consumer group, for a service that publishes
 * nothing: committed events, in batches, in order within a partition.
 *
 * This process is handed no message twice, because it remembers how far it came. Offsets are committed
 * every few seconds, so that after a crash, or when a partition goes to another member, a few seconds
 * of events are read again by the next owner. kafkajs's own auto-commit would send a request for
 * every batch, whatever its interval.
 */
import type { Kafka } from "kafkajs";
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import { type Names, type Service, type Topic, topicsReadBy } from "../../topology.ts";
import type { KafkaAccess } from "../access.ts";
import { createClient } from "../client/client.ts";
import { clusterReady } from "../client/cluster_ready.ts";
import { explain, isKafkaError } from "../client/errors.ts";
import type { Assignment } from "../group/assigner.ts";
import { GroupMember, keepMember } from "../group/member.ts";
import type { BatchInHand, Crash } from "../group/membership.ts";
import { createLogStates, type LogStates } from "../log_watch/log_states.ts";
import type { LossMetrics } from "../metrics.ts";
import { describeUnreadable, unreadableOf } from "../protocol/unreadable.ts";
import { createEventDecoder, type Decode, type EventDecoder } from "../readers/event_follower.ts";
import { LogGuard } from "./log_guard.ts";
import {
  commitPositions,
  createConsumerState,
  createPositions,
  endOf,
  PausedPartitions,
} from "./positions.ts";

interface GroupConsumerOptions<Event> {
  readonly access: KafkaAccess;
  /** This process's name, unique among the members of its group. */
  readonly clientId: string;
  readonly service: Service;
  readonly names: Names;
  /** Told the events of one partition, in order; what it throws ends the consumer. */
  readonly onEvents: (events: readonly Event[]) => void;
  /** (default: all of an event) */
  readonly decode?: Decode<Event> | undefined;
  /** How long a stop may take before it is given up. */
  readonly drainTimeoutMs: number;
  /** How old what is known of the topics may become (default: METADATA_MAX_AGE_MS). */
  readonly metadataMaxAgeMs?: number;
  readonly log: Logger;
  readonly losses?: LossMetrics | undefined;
  /** How often the topics' ids are compared while nothing gives a reason to (default: 30,000). */
  readonly topicCheckMs?: number;
  /** After how long a partition whose next batch cannot be read is tried again (default: 5,000). */
  readonly unreadableRetryMs?: number;
}

interface GroupConsumer {
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

/**
 * Bounded, whatever the backlog: with four times as much, analytics takes 25 MiB more, and is no faster.
 * An order waits for no reader here: longer than a processor's wait.
 */
const FETCH = {
  maxBytes: 1024 * 1024,
  maxBytesPerPartition: 256 * 1024,
  minBytes: 64 * 1024,
  maxWaitTimeInMs: 200,
};

const SESSION_TIMEOUT_MS = 10_000;
const COMMIT_EVERY_MS = 2_000;

export function createGroupConsumer<Event = OrderEvent>(
  options: GroupConsumerOptions<Event>,
): GroupConsumer {
  return new Reader(options);
}

class Reader<Event> implements GroupConsumer {
  readonly #topicByName: ReadonlyMap<string, Topic>;
  readonly #decoder: EventDecoder<Event>;
  readonly #positions = createPositions();
  readonly #topicIds = new Map<string, string>();
  readonly #paused: PausedPartitions;
  readonly #state: ReturnType<typeof createConsumerState>;
  readonly #kafka: Kafka;
  partitions = 0;

  constructor(private readonly options: GroupConsumerOptions<Event>) {
    const { access, clientId, service, names, log } = options;
    this.#topicByName = new Map(topicsReadBy(service).map((topic) => [names.topic(topic), topic]));
    this.#decoder = createEventDecoder(log, options.decode);
    this.#paused = new PausedPartitions(this.#positions, options.unreadableRetryMs);
    this.#state = createConsumerState(this.#paused, log);
    this.#kafka = createClient(access, clientId);
  }

  get undecodable(): number {
    return this.#decoder.undecodable;
  }

  notReady = (): string | undefined => this.#state.notReady();

  async run(signal: AbortSignal): Promise<void> {
    const logs = createLogStates(this.#kafka);
    try {
      await keepMember(signal, () => this.#start(logs, signal), (error) => {
        this.partitions = 0;
        this.#state.set(`the consumer stopped (${explain(error)}); starting it again`);
      });
      this.#state.stopped();
    } finally {
      await logs.close();
    }
  }

  async #start(logs: LogStates, signal: AbortSignal): Promise<Crash | undefined> {
    await clusterReady(this.#kafka, {
      access: this.options.access,
      topics: [...this.#topicByName.keys()],
      signal,
      onWait: this.#state.set,
    });
    if (signal.aborted) return undefined;
    try {
      return await this.#runMember(logs, signal);
    } finally {
      this.#paused.close();
    }
  }

  /** One member of the service's group, until `signal` aborts (undefined) or it crashes. */
  async #runMember(logs: LogStates, signal: AbortSignal): Promise<Crash | undefined> {
    const { names, service, losses: metrics } = this.options;
    const positions = this.#positions;
    const member = new GroupMember(this.#kafka, {
      ...this.options,
      group: names.group(service),
      topics: this.#topicByName,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      fetch: FETCH,
    });
    const { consumer } = member;
    const topics = this.#topicByName;
    const ids = this.#topicIds;
    const guard = new LogGuard({
      ...this.options,
      consumer,
      logs,
      topics,
      ids,
      positions,
      metrics,
    });
    const commit = () => commitPositions(consumer, positions, this.options.log);
    // Sent before the member joins again: the next owner of a partition does not read much of it again.
    consumer.on(consumer.events.REBALANCING, () => void commit());
    const committing = setInterval(() => {
      // A partition that was paused may have been moved on by the guard.
      this.#state.report();
      void commit();
    }, COMMIT_EVERY_MS);
    const onState = () => this.#state.set(member.notReady);
    return await member.run(signal, {
      onAssigned: (assignment) => {
        this.#onAssigned(assignment);
        onState();
      },
      onBatch: async (payload) => {
        if (!await guard.checkTopics()) return;
        // kafkajs would try again what `onEvents` threw.
        try {
          if (!signal.aborted) await this.#onBatch(member, payload);
        } catch (error) {
          member.crash({ error, fatal: !isKafkaError(error) });
        }
      },
      onState,
      onStop: () => {
        clearInterval(committing);
        guard.close();
        return commit();
      },
    });
  }

  #onAssigned(assignment: Assignment): void {
    this.#positions.reassigned();
    this.#paused.assigned(assignment);
    this.partitions = Object.values(assignment).reduce((sum, list) => sum + list.length, 0);
    this.options.log.info(
      `assigned ${this.partitions} partitions of ${this.#topicByName.size} topics`,
    );
  }

  async #onBatch(member: GroupMember, payload: BatchInHand): Promise<void> {
    const { batch, isRunning, isStale } = payload;
    if (!isRunning() || isStale()) return;
    const { topic: name, partition } = batch;
    const topic = member.topicOf(name);
    const next = this.#positions.next(name, partition);
    const fetched = batch.messages.filter(({ offset }) => offset >= next);
    const stop = fetched.findIndex((message) => unreadableOf(message));
    const messages = stop < 0 ? fetched : fetched.slice(0, stop);
    this.options.onEvents(this.#decoder.decode({ topic, partition }, messages));
    // After the last message may come a control record, which no handler is given: step over it, too.
    let end = Number(batch.lastOffset()) + 1;
    if (stop >= 0) {
      const unreadable = unreadableOf(fetched[stop]!)!;
      const found = await endOf(this.#kafka, batch, unreadable);
      if (typeof found === "string") {
        if (messages.length > 0) this.#advance(payload, messages.at(-1)!.offset + 1);
        this.#paused.pause(member, batch, found);
        return this.#state.report();
      }
      end = Math.max(next, found);
      const lost = end > unreadable.offset;
      if (lost) {
        this.options.log.warn(
          `${describeUnreadable(batch, { ...unreadable, next: end })}; left out`,
        );
      }
    }
    this.#advance(payload, end);
    this.#state.report();
  }

  #advance({ batch, resolveOffset }: BatchInHand, end: number): void {
    this.#positions.advance(batch.topic, batch.partition, end);
    resolveOffset(String(end - 1));
  }
}
