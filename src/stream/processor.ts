/**
 * The consume-transform-produce loop: reads the topics of a service as one member of its consumer
 * group, hands batches of one partition to the service's handlers, and publishes what they return
 * together with the batch's offset. See partition_writer.ts for the two guarantees.
 *
 * Any error in a transaction: the lane is closed and taken over again, which fences, reads the
 * committed offset and starts from there. Whatever the error was, that is always right.
 */
import type { Admin, Batch, Consumer, EachBatchPayload, Kafka, TopicMessages } from "kafkajs";
import { decode, encode } from "../events/codec.ts";
import type { Logger } from "../runtime/log.ts";
import { pause, settlesWithin } from "../runtime/stop.ts";
import { Unavailable } from "../store/database.ts";
import {
  deadLetterTopicOf,
  type Names,
  type Processor as ProcessorName,
  type Topic,
  topicOf,
  topicsReadBy,
} from "../topology.ts";
import { attempt, isBug } from "./attempt.ts";
import { createClient, explain, isKafkaError } from "./client.ts";
import { clusterReady } from "./cluster_ready.ts";
import { bytes, REPLAYED_FROM, toDeadLetterMessage } from "./dead_letters.ts";
import { Lane } from "./lane.ts";
import type { DeadLetter, EventOf, Handled, Handler, RawMessage, Received } from "./message.ts";
import type { ProcessorMetrics } from "./metrics.ts";
import { committedOffsets } from "./offsets.ts";
import { openAtLeastOnceWriter, openTransactionalWriter } from "./partition_writer.ts";

export const GUARANTEES = ["exactly_once", "at_least_once"] as const;
export type Guarantee = typeof GUARANTEES[number];

export interface ProcessorOptions {
  readonly brokers: readonly string[];
  /** This process's name, unique among the members of its group. */
  readonly clientId: string;
  readonly service: ProcessorName;
  readonly names: Names;
  /** One for each topic that the topology says the service reads. */
  readonly handlers: { readonly [T in Topic]?: Handler<EventOf<T>> };
  readonly guarantee: Guarantee;
  /** How long the group waits for a member that says nothing. */
  readonly sessionTimeoutMs: number;
  /** How long the cluster lets a transaction stay open; at most the session timeout. */
  readonly transactionTimeoutMs: number;
  /** Most messages in one transaction. */
  readonly maxBatch: number;
  /** How long a stop may take before it is given up. */
  readonly drainTimeoutMs: number;
  readonly log: Logger;
  readonly metrics: ProcessorMetrics;
}

export interface Processor {
  /**
   * Processes until `signal` aborts, through restarts and absences of the cluster.
   *
   * @throws whatever is a bug: the process should end
   */
  run(signal: AbortSignal): Promise<void>;
  /** Why it is not ready, or undefined when it is a member of its group and works. */
  notReady(): string | undefined;
}

/** The most that one fetch brings, so that memory stays bounded whatever the backlog. */
const FETCH_BYTES = 3 * 1024 * 1024;
/** As large as a batch may be, lest one that does not fit waits for its turn to be the first. */
const FETCH_BYTES_PER_PARTITION = 1024 * 1024;
/** A fetch waits this long for FETCH_MIN_BYTES, so that transactions are not made for single orders. */
const FETCH_WAIT_MS = 50;
const FETCH_MIN_BYTES = 64 * 1024;

const MAX_LANES_AT_WORK = 64;

/** Answers to a heartbeat after which kafkajs joins the group anew. */
const LOST_MEMBERSHIP = new Set([
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
]);

/** How long a partition rests whose handler stayed Unavailable. */
const UNAVAILABLE_PAUSE_MS = 3_000;
/** How long to wait before a crashed consumer, or a failed transaction, is tried again. */
const RESTART_PAUSE_MS = 500;
const LANE_RESTART_PAUSE_MS = 100;

export function createProcessor(options: ProcessorOptions): Processor {
  const { service, log } = options;
  let state: string | undefined = "starting";
  const setState = (next: string | undefined) => {
    if (next === state) return;
    if (next) log.warn(next);
    else log.info("working");
    state = next;
  };

  return {
    notReady: () => state,
    async run(signal) {
      const kafka = createClient({ brokers: options.brokers, clientId: options.clientId });
      const topics = topicsReadBy(service);
      const needed = [...topics, deadLetterTopicOf(service)].map((topic) =>
        options.names.topic(topic)
      );
      while (!signal.aborted) {
        await clusterReady(kafka, {
          brokers: options.brokers,
          topics: needed,
          signal,
          onWait: setState,
        });
        if (signal.aborted) break;
        const session = new Session(kafka, topics, options, setState);
        const end = await session.run(signal);
        if (end?.fatal) throw end.error;
        if (end) {
          // A new cluster's coordinator takes a second or so to load: nothing to worry anybody with.
          if (!isLoading(end.error)) {
            setState(`the consumer stopped (${explain(end.error)}); starting it again`);
          }
          await pause(RESTART_PAUSE_MS, signal);
        }
      }
      state = "stopped";
    },
  };
}

interface Crash {
  readonly error: unknown;
  readonly fatal: boolean;
}

/** One life of a kafkajs consumer, from its start to a stop or a crash. */
class Session {
  readonly #lanes = new Map<string, Lane>();
  readonly #topicByName: Map<string, Topic>;
  readonly #group: string;
  readonly #consumer: Consumer;
  readonly #admin: Admin;
  /** Aborts when the group rebalances or the session ends: batches stop between two transactions. */
  #handover = new AbortController();
  #crash: (crash: Crash) => void = () => {};

  constructor(
    private readonly kafka: Kafka,
    topics: readonly Topic[],
    private readonly options: ProcessorOptions,
    private readonly setState: (state: string | undefined) => void,
  ) {
    this.#group = options.names.group(options.service);
    this.#topicByName = new Map(topics.map((topic) => [options.names.topic(topic), topic]));
    this.#admin = kafka.admin();
    this.#consumer = kafka.consumer({
      groupId: this.#group,
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: Math.floor(options.sessionTimeoutMs / 5),
      rebalanceTimeout: options.sessionTimeoutMs,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: FETCH_BYTES_PER_PARTITION,
      minBytes: FETCH_MIN_BYTES,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      retry: {
        // Enough for the second or so in which a new cluster's coordinator is still loading.
        retries: 8,
        // kafkajs would restart by itself only after some errors; we do it after all.
        restartOnFailure: () => Promise.resolve(false),
      },
    });
  }

  /** Runs until `signal` aborts (undefined) or the consumer crashes. */
  async run(signal: AbortSignal): Promise<Crash | undefined> {
    const crashed = new Promise<Crash>((resolve) => this.#crash = resolve);
    const stopped = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined);
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const consumer = this.#consumer;
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#crash({ error: payload.error, fatal: false });
    });
    consumer.on(
      consumer.events.GROUP_JOIN,
      ({ payload }) => this.#onAssignment(payload.memberAssignment),
    );
    consumer.on(consumer.events.REBALANCING, () => this.options.metrics.rebalances.inc());
    const flushing = setInterval(() => void this.#flush({ force: false }), 500);
    try {
      await Promise.all([consumer.connect(), this.#admin.connect()]);
      await consumer.subscribe({ topics: [...this.#topicByName.keys()], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        // Side by side: a lane waits for the cluster most of its time.
        partitionsConsumedConcurrently: MAX_LANES_AT_WORK,
        eachBatch: (payload) => this.#onBatch(payload),
      });
      return await Promise.race([crashed, stopped]);
    } catch (error) {
      return { error, fatal: isBug(error) };
    } finally {
      clearInterval(flushing);
      await this.#stop();
    }
  }

  async #stop(): Promise<void> {
    this.#handover.abort();
    const drained = (async () => {
      await this.#consumer.stop();
      await this.#flush({ force: true });
      await this.#closeLanes();
      await Promise.allSettled([this.#consumer.disconnect(), this.#admin.disconnect()]);
    })();
    // kafkajs#1074: disconnecting while the group rebalances can hang.
    if (!await settlesWithin(drained, this.options.drainTimeoutMs)) {
      this.options.log.warn(
        `not drained within ${this.options.drainTimeoutMs} ms: leaving what is open to its timeouts`,
      );
    }
  }

  #onAssignment(assignment: Record<string, number[]>): void {
    this.#handover = new AbortController();
    const mine = new Set(
      Object.entries(assignment).flatMap(([topic, partitions]) =>
        partitions.map((p) => `${topic}/${p}`)
      ),
    );
    for (const [name, lane] of this.#lanes) {
      // A partition that stays keeps its writer: had anybody else taken it, we would be fenced.
      if (mine.has(name)) continue;
      this.#lanes.delete(name);
      void lane.exclusive(() => lane.close());
    }
    const list = Object.entries(assignment)
      .map(([topic, partitions]) => `${topic} ${partitions.toSorted((a, b) => a - b).join(",")}`);
    this.options.metrics.partitions.set(mine.size);
    this.options.log.info(
      `assigned ${mine.size} partitions${mine.size ? `: ${list.join("; ")}` : ""}`,
    );
    this.setState(undefined);
  }

  async #onBatch(payload: EachBatchPayload): Promise<void> {
    const handover = this.#handover.signal;
    const { batch } = payload;
    const lane = this.#laneOf(batch.topic, batch.partition);
    // kafkajs sends heartbeats only when asked to.
    const beat = setInterval(
      () => payload.heartbeat().catch((error) => this.#onHeartbeatError(error)),
      this.options.sessionTimeoutMs / 10,
    );
    try {
      await lane.exclusive(() => this.#process(lane, payload, handover));
    } catch (error) {
      await this.#onFailure(error, lane, payload, handover);
    } finally {
      clearInterval(beat);
    }
    if (!handover.aborted) return;
    // Nobody goes to join the group anew while another lane is still at work: a partition is handed
    // over finished, not in the middle.
    await Promise.all([...this.#lanes.values()].map((lane) => lane.idle()));
    if (handover.reason instanceof Error && isKafkaError(handover.reason)) throw handover.reason;
  }

  /** The answer to a heartbeat is how a member learns that its group rebalances, or gave it up. */
  #onHeartbeatError(error: unknown): void {
    const { type } = error as { type?: string };
    if (type !== undefined && LOST_MEMBERSHIP.has(type)) this.#handover.abort(error);
  }

  #laneOf(topicName: string, partition: number): Lane {
    const name = `${topicName}/${partition}`;
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new Lane(() => this.#openWriter(topicName, partition));
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #openWriter(topicName: string, partition: number) {
    const { guarantee, names, service, transactionTimeoutMs } = this.options;
    const input = { topic: topicName, partition, group: this.#group };
    const committedOffset = async () =>
      (await committedOffsets(this.#admin, this.#group, topicName)).get(partition);
    if (guarantee === "at_least_once") {
      return openAtLeastOnceWriter(this.kafka, input, {
        consumer: this.#consumer,
        committedOffset,
      });
    }
    const topic = this.#topicOf(topicName);
    const transactionalId = names.transactionalId(service, topic, partition);
    return openTransactionalWriter(this.kafka, input, {
      transactionalId,
      transactionTimeoutMs,
      committedOffset,
    });
  }

  #topicOf(topicName: string): Topic {
    const topic = this.#topicByName.get(topicName);
    if (topic === undefined) {
      throw new TypeError(`read from a topic not subscribed to: ${topicName}`);
    }
    return topic;
  }

  async #process(lane: Lane, payload: EachBatchPayload, handover: AbortSignal): Promise<void> {
    const { batch, isRunning, isStale, resolveOffset } = payload;
    const { maxBatch, metrics } = this.options;
    const goOn = () => isRunning() && !isStale() && !handover.aborted;
    if (!goOn()) return;
    const fetchedOffset = Number((batch as Batch & { fetchedOffset: string }).fetchedOffset);
    const position = await lane.position(fetchedOffset);
    if (position < fetchedOffset) {
      this.#consumer.seek({
        topic: batch.topic,
        partition: batch.partition,
        offset: String(position),
      });
      return;
    }
    const messages = batch.messages.filter(({ offset }) => Number(offset) >= position);
    if (messages.length === 0) return resolveOffset(batch.lastOffset());
    for (let from = 0; from < messages.length && goOn(); from += maxBatch) {
      const chunk = messages.slice(from, from + maxBatch);
      const isLast = from + maxBatch >= messages.length;
      const lastOffset = chunk.at(-1)!.offset;
      // After the last message may come a control record, which nobody sees: step over it, too.
      const nextOffset = Number(isLast ? batch.lastOffset() : lastOffset) + 1;
      const stopTimer = metrics.batchSeconds.startTimer();
      const outputs = await this.#handle(batch, chunk, handover);
      await lane.advance(outputs, nextOffset);
      stopTimer();
      metrics.messages.inc({ topic: this.#topicOf(batch.topic) }, chunk.length);
      resolveOffset(lastOffset);
      this.setState(undefined);
    }
  }

  async #handle(
    { topic: topicName, partition }: Batch,
    messages: Batch["messages"],
    handover: AbortSignal,
  ): Promise<TopicMessages[]> {
    const topic = this.#topicOf(topicName);
    const received: Received[] = [];
    const faulty: DeadLetter[] = [];
    const ownLetters = this.options.names.topic(deadLetterTopicOf(this.options.service));
    for (const message of messages) {
      const raw = toRaw(message);
      // A replay is for the service that could not process the message; the topic's other readers did.
      const replayedFrom = raw.headers[REPLAYED_FROM];
      if (replayedFrom && !replayedFrom.startsWith(`${ownLetters} `)) continue;
      const decoded = decode(topic, raw.key, raw.value);
      if (decoded.ok) received.push({ event: decoded.event, topic, partition, raw });
      else faulty.push({ topic, partition, raw, fault: decoded.fault });
    }
    // Which handler belongs to which topic's events the type of `handlers` has made sure of.
    const handler = this.options.handlers[topic] as Handler | undefined;
    if (handler === undefined) {
      throw new TypeError(`${this.options.service} has no handler for ${topic}`);
    }
    const handled: Handled = received.length === 0
      ? { events: [] }
      : await attempt(handler, received, handover);
    return this.#toOutputs(handled, received, faulty, topicName, partition);
  }

  #toOutputs(
    handled: Handled,
    received: readonly Received[],
    faulty: readonly DeadLetter[],
    sourceTopic: string,
    partition: number,
  ): TopicMessages[] {
    const { names, service, metrics } = this.options;
    const traces = new Map<string, string>();
    for (const { event, raw } of received) {
      const trace = raw.headers.traceparent;
      if (trace) traces.set(event.orderId, trace);
    }
    const outputs = new Map<string, TopicMessages>();
    const messagesOf = (topic: string) => {
      let output = outputs.get(topic);
      if (!output) outputs.set(topic, output = { topic, messages: [] });
      return output.messages;
    };
    for (const event of handled.events) {
      const traceparent = traces.get(event.orderId);
      messagesOf(names.topic(topicOf(event.type))).push({
        key: event.orderId,
        value: bytes(encode(event)),
        partition,
        headers: traceparent ? { traceparent } : {},
      });
      metrics.events.inc({ event: event.type });
    }
    const letters = [...faulty, ...handled.deadLetters ?? []];
    const time = new Date().toISOString();
    for (const letter of letters) {
      const from = { topic: sourceTopic, group: this.#group, attempts: 1, time };
      messagesOf(names.topic(deadLetterTopicOf(service)))
        .push({ ...toDeadLetterMessage(letter, from), partition: 0 });
      metrics.deadLetters.inc({ reason: letter.fault.reason });
      const { offset } = letter.raw;
      this.options.log.warn(
        `dead letter: ${sourceTopic} partition ${partition} offset ${offset}: ${letter.fault.reason}: ${letter.fault.detail}`,
      );
    }
    return [...outputs.values()];
  }

  async #onFailure(
    error: unknown,
    lane: Lane,
    { batch, pause: pausePartition }: EachBatchPayload,
    handover: AbortSignal,
  ): Promise<void> {
    const { log, metrics } = this.options;
    if (error instanceof Unavailable) {
      if (handover.aborted) return;
      this.setState(error.message);
      const resume = pausePartition();
      void pause(UNAVAILABLE_PAUSE_MS, handover).then(resume);
      return;
    }
    if (!isKafkaError(error)) {
      this.#crash({ error, fatal: true });
      return;
    }
    log.debug(
      `${batch.topic} partition ${batch.partition}: ${explain(error)}; taking it over again`,
    );
    metrics.laneRestarts.inc();
    await lane.exclusive(() => lane.close());
    await pause(LANE_RESTART_PAUSE_MS, handover);
  }

  async #flush(options: { force: boolean }): Promise<void> {
    await Promise.all(
      [...this.#lanes.values()].map((lane) =>
        lane.exclusive(() => lane.flush(options)).catch((error) => {
          this.options.log.debug(`offsets not committed: ${explain(error)}`);
          return lane.exclusive(() => lane.close());
        })
      ),
    );
  }

  async #closeLanes(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.exclusive(() => lane.close())));
    this.#lanes.clear();
  }
}

/** Whether a group's coordinator is only just starting. */
function isLoading(error: unknown): boolean {
  const { type } = error as { type?: string };
  return type === "GROUP_LOAD_IN_PROGRESS" || type === "GROUP_COORDINATOR_NOT_AVAILABLE" ||
    type === "NOT_COORDINATOR_FOR_GROUP";
}

function toRaw(message: Batch["messages"][number]): RawMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    headers[name] = Array.isArray(value) ? value.map(String).join(",") : String(value ?? "");
  }
  return { offset: Number(message.offset), key: message.key, value: message.value, headers };
}
