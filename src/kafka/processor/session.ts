/**
 * One life of a kafkajs consumer, from its start to a stop or a crash: batches go to the lane of their
 * partition, heartbeats go on meanwhile, and partitions are handed over between two transactions.
 */
import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import { RetryableError } from "../../runtime/errors.ts";
import type { Topic } from "../../topology.ts";
import { isBug } from "../client/errors.ts";
import { isKafkaError } from "../client/errors.ts";
import { explain } from "../client/errors.ts";
import { createAssigner } from "../group/assigner.ts";
import { watchForeignMembers } from "../group/foreign_members.ts";
import { watchHeartbeats } from "../group/heartbeats.ts";
import { MAX_PART_BYTES } from "../producer/parts.ts";
import { PartitionTask } from "./partition_task.ts";
import { PartitionFailures } from "./failures.ts";
import { openAtLeastOnceWriter, openTransactionalWriter } from "./partition_writer.ts";
import { METADATA_MAX_AGE_MS } from "../client/cluster.ts";
import { createStableOffsets, type StableOffsets } from "../offsets/committed_offsets.ts";
import type { ProcessorOptions } from "./processor.ts";
import type { TopicPartition } from "../protocol/requests.ts";
import { Skips } from "./skips.ts";
import { epochOf, type FetchedBatch, watchConsumer } from "../log_watch/consumer_watch.ts";
import { createLogStates, type LogStates } from "../log_watch/log_states.ts";
import {
  type AssignedPartition,
  assignPartition,
  NotAssigned,
  PausedPartition,
} from "./assignment.ts";
import { TOPIC_CHECK_MS, TopicWatch } from "../log_watch/topic_watch.ts";
import { transform } from "./transform.ts";
import {
  sentenceOf,
  type Unreadable,
  UnreadableBatch,
  unreadableOf,
} from "../protocol/unreadable.ts";
import { isRefusedLogin, whyUnreachable } from "../client/why_unreachable.ts";

/** The most that one fetch brings, so that memory stays bounded whatever the backlog. */
const FETCH_BYTES = 3 * 1024 * 1024;
/**
 * As large as a batch of ours: a larger one waits until the shuffled fetch has it first. Smaller would
 * starve partitions; larger would leave the fetch to few of them, and a lane waits most of its time.
 */
export const FETCH_BYTES_PER_PARTITION = MAX_PART_BYTES;
/** A fetch waits this long for FETCH_MIN_BYTES, so that transactions are not made for single orders. */
const FETCH_WAIT_MS = 50;
const FETCH_MIN_BYTES = 64 * 1024;

const MAX_LANES_AT_WORK = 64;

/**
 * A topic that is deleted and created anew says so to whoever fetches in between. After a pause as long
 * as this nobody may have.
 */
const MAX_FETCH_GAP_MS = 2 * FETCH_WAIT_MS;

/** Answers to a heartbeat after which kafkajs joins the group anew. */
const LOST_MEMBERSHIP = new Set([
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
]);

/** Why a session ended by itself. */
export interface Crash {
  readonly error: unknown;
  /** A bug of ours: the process should end. */
  readonly fatal: boolean;
}

/** @param setState told why it does not work, undefined when it does */
export class Session {
  readonly #lanes = new Map<string, PartitionTask>();
  readonly #failures = new PartitionFailures();
  readonly #topicByName: Map<string, Topic>;
  readonly #group: string;
  readonly #consumer: Consumer;
  readonly #offsets: StableOffsets;
  readonly #logs: LogStates;
  readonly #watch: TopicWatch;
  readonly #skips: Skips;
  readonly #heartbeatMs: number;
  readonly #assigner = createAssigner();
  /** That another application leads the group; undefined while none does. */
  #led: string | undefined;
  /** That the group's coordinator does not answer, or refuses the login; undefined while it answers. */
  #silence: string | undefined;
  /** Aborts when the group rebalances or the session ends: batches stop between two transactions. */
  #handover = new AbortController();
  #stopping = false;
  #crash: (crash: Crash) => void = () => {};

  constructor(
    private readonly kafka: Kafka,
    topics: readonly Topic[],
    private readonly options: ProcessorOptions,
    private readonly setState: (state: string | undefined) => void,
  ) {
    this.#group = options.names.group(options.service);
    this.#topicByName = new Map(topics.map((topic) => [options.names.topic(topic), topic]));
    this.#offsets = createStableOffsets(kafka, this.#group);
    this.#logs = createLogStates(kafka);
    this.#watch = new TopicWatch(this.#logs, (inputs) => this.#takeAnew(inputs));
    this.#skips = new Skips(kafka, options.service, options.names);
    this.#heartbeatMs = Math.floor(options.sessionTimeoutMs / 5);
    this.#consumer = kafka.consumer({
      groupId: this.#group,
      partitionAssigners: [this.#assigner.create],
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: this.#heartbeatMs,
      rebalanceTimeout: options.sessionTimeoutMs,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: FETCH_BYTES_PER_PARTITION,
      minBytes: FETCH_MIN_BYTES,
      maxWaitTimeInMs: FETCH_WAIT_MS,
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
    watchConsumer(consumer, MAX_FETCH_GAP_MS, {
      onNothing: (place, from, to) => this.#lanes.get(nameOf(place))?.stepOver(from, to),
      onGap: () => this.#watch.doubt(),
      onOutOfRange: (place) => {
        this.#pause(place);
        void this.#takeAnew([nameOf(place)]);
      },
    });
    const stopWatching = watchHeartbeats(consumer, this.#heartbeatMs, {
      onSilence: (reason) => {
        this.#silence ??= reason;
        this.#report();
      },
      onHeard: () => {
        this.#silence = undefined;
        this.#report();
      },
    });
    const stopLooking = watchForeignMembers(consumer, {
      group: this.#group,
      topics: [...this.#topicByName.keys()],
      onLed: (reason) => {
        this.#led = reason;
        this.#report();
      },
      log: this.options.log,
    });
    const flushing = setInterval(() => void this.#flush({ force: false }), 500);
    const checking = setInterval(
      () => this.#watch.doubt(),
      this.options.topicCheckMs ?? TOPIC_CHECK_MS,
    );
    try {
      await consumer.connect();
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
      clearInterval(checking);
      stopWatching();
      stopLooking();
      await this.#stop();
    }
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    this.#handover.abort();
    const drained = (async () => {
      // First: a consumer that is told to stop commits no more offsets, and does not say so.
      await this.#flush({ force: true });
      await this.#consumer.stop();
      await this.#closeLanes();
      await Promise.allSettled([
        this.#consumer.disconnect(),
        this.#offsets.close(),
        this.#logs.close(),
      ]);
    })();
    // kafkajs#1074: disconnecting while the group rebalances can hang.
    if (!await settlesWithin(drained, this.options.drainTimeoutMs)) {
      this.options.log.warn(
        `not drained within ${this.options.drainTimeoutMs} ms: leaving what is open to its timeouts`,
      );
    }
  }

  #onAssignment(assignment: Record<string, number[]>): void {
    this.#assigner.owns(assignment);
    // Nobody takes over any more what belonged to the assignment before.
    this.#handover.abort();
    this.#handover = new AbortController();
    this.#watch.doubt();
    if (this.#stopping) this.#handover.abort();
    const mine = new Set(
      Object.entries(assignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => nameOf({ topic, partition }))
      ),
    );
    for (const [name, lane] of this.#lanes) {
      // A partition that stays keeps its writer: had anybody else taken it, we would be fenced.
      if (mine.has(name)) continue;
      this.#lanes.delete(name);
      this.#failures.clear(name);
      this.#watch.released(name);
      void lane.exclusive(() => lane.close());
    }
    const list = Object.entries(assignment)
      .map(([topic, partitions]) => `${topic} ${partitions.toSorted((a, b) => a - b).join(",")}`);
    this.options.metrics.partitions.set(mine.size);
    this.options.log.info(
      `assigned ${mine.size} partitions${mine.size ? `: ${list.join("; ")}` : ""}`,
    );
    // At once, not when the first message comes: where the group is ahead, none may ever come.
    const handover = this.#handover.signal;
    void Promise.all([...mine].map((name) => this.#takeOver(placeOf(name), handover)))
      .then(() => handover.aborted || this.#report());
  }

  /** Takes a partition over, if that has not happened yet, and lets the consumer read on from there. */
  async #takeOver(place: TopicPartition, handover: AbortSignal): Promise<void> {
    if (handover.aborted) return;
    const lane = this.#laneOf(place.topic, place.partition);
    try {
      const position = await lane.exclusive(async () =>
        handover.aborted ? undefined : await lane.position()
      );
      if (position === undefined || handover.aborted) return;
      this.#failures.taken(nameOf(place));
      this.#whileItRuns(() => {
        this.#consumer.seek({ ...place, offset: String(position) });
        this.#consumer.resume([{ topic: place.topic, partitions: [place.partition] }]);
      });
    } catch (error) {
      this.#onFailure(error, place, handover, "takeover");
    }
  }

  /** Their logs are not what they were when they were taken over. */
  async #takeAnew(names: readonly string[]): Promise<void> {
    const handover = this.#handover.signal;
    const lanes = names.flatMap((name) => {
      const lane = this.#lanes.get(name);
      return lane ? [{ name, lane }] : [];
    });
    await Promise.all(lanes.map(({ lane }) => lane.exclusive(() => lane.close())));
    for (const { name } of lanes) void this.#retake(placeOf(name), handover);
  }

  /** As `#takeOver`, and says how it went. */
  async #retake(place: TopicPartition, handover: AbortSignal): Promise<void> {
    await this.#takeOver(place, handover);
    if (!handover.aborted) this.#report();
  }

  #pause({ topic, partition }: TopicPartition): void {
    this.#whileItRuns(() => this.#consumer.pause([{ topic, partitions: [partition] }]));
  }

  /** A consumer that has crashed refuses to be moved; its session is about to end. */
  #whileItRuns(move: () => void): void {
    try {
      move();
    } catch (error) {
      if (!isKafkaError(error)) throw error;
    }
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
      await this.#watch.settled();
      await lane.exclusive(() => this.#process(lane, payload, handover));
    } catch (error) {
      this.#onFailure(error, batch, handover, "batch");
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
    if (!isRefusedLogin(error)) return;
    // Its batch keeps the consumer from finding out by itself.
    const { access } = this.options;
    this.#silence = `Kafka at ${access.brokers.join(", ")}: ${whyUnreachable(error, access)}`;
    this.#report();
  }

  #laneOf(topicName: string, partition: number): PartitionTask {
    const name = nameOf({ topic: topicName, partition });
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new PartitionTask(() => this.#open(topicName, partition));
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  async #open(topicName: string, partition: number): Promise<AssignedPartition> {
    const topic = this.#topicOf(topicName);
    const input = { topic, topicName, partition };
    const taken = await assignPartition(input, () => this.#openWriter(topicName, partition), {
      ...this.options,
      group: this.#group,
      logs: this.#logs,
    });
    this.#watch.taken(nameOf({ topic: topicName, partition }), topicName, taken.topicId);
    return taken;
  }

  #openWriter(topicName: string, partition: number) {
    const { guarantee, names, service, transactionTimeoutMs } = this.options;
    const input = { topic: topicName, partition, group: this.#group };
    const committedOffset = () => this.#offsets.committed({ topic: topicName, partition });
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

  async #process(
    lane: PartitionTask,
    payload: EachBatchPayload,
    handover: AbortSignal,
  ): Promise<void> {
    const { batch, isRunning, isStale, resolveOffset } = payload;
    const { maxBatch, metrics } = this.options;
    const goOn = () => isRunning() && !isStale() && !handover.aborted;
    if (!goOn()) return;
    const { fetchedOffset, rawMessages } = batch as FetchedBatch;
    const from = Number(fetchedOffset);
    let position = await lane.position();
    const ofLane = () => batch.messages.filter(({ offset }) => Number(offset) >= position);
    const epoch = epochOf(ofLane()[0]);
    if (epoch !== null && lane.leaderEpoch !== null && epoch !== lane.leaderEpoch) {
      // Another leader wrote it, whose log may lack what was read last: looked at in a takeover.
      await lane.close();
      position = await lane.position();
    }
    if (position < from) {
      const { topic, partition } = batch;
      return this.#consumer.seek({ topic, partition, offset: String(position) });
    }
    const fetched = ofLane();
    if (fetched.length === 0) {
      lane.stepOver(from, Number(batch.lastOffset()) + 1, epochOf(rawMessages.at(-1)));
      return resolveOffset(batch.lastOffset());
    }
    const stop = fetched.findIndex((message) => unreadableOf(message));
    const messages = stop < 0 ? fetched : fetched.slice(0, stop);
    for (let done = 0; done < messages.length && goOn(); done += maxBatch) {
      const chunk = messages.slice(done, done + maxBatch);
      const isLast = stop < 0 && done + maxBatch >= messages.length;
      const lastOffset = chunk.at(-1)!.offset;
      // After the last message may come a control record, which nobody sees: step over it, too.
      const nextOffset = Number(isLast ? batch.lastOffset() : lastOffset) + 1;
      const stopTimer = metrics.batchSeconds.startTimer();
      const { outputs, report } = await transform(this.options, {
        topic: this.#topicOf(batch.topic),
        topicName: batch.topic,
        partition: batch.partition,
        messages: chunk,
      }, handover);
      const last = isLast ? rawMessages.at(-1) : chunk.at(-1);
      await lane.advance(outputs, nextOffset, epochOf(last));
      stopTimer();
      report();
      metrics.messages.inc({ topic: this.#topicOf(batch.topic) }, chunk.length);
      resolveOffset(lastOffset);
      this.#failures.clear(nameOf(batch));
      this.#report();
    }
    if (stop >= 0 && goOn()) await this.#stepOver(lane, payload, unreadableOf(fetched[stop]!)!);
  }

  /**
   * A batch that cannot be read is left behind when a person has decided so, and no earlier.
   *
   * @throws {UnreadableBatch} nobody has
   */
  async #stepOver(
    lane: PartitionTask,
    payload: EachBatchPayload,
    unreadable: Unreadable,
  ): Promise<void> {
    const { batch, resolveOffset } = payload;
    const { log, metrics } = this.options;
    const next = await this.#skips.nextAfter(batch, unreadable);
    await lane.advance([], next);
    await lane.flush({ force: true });
    log.warn(`${sentenceOf(batch, unreadable)}: left behind, as \`deno task dlq skip\` told`);
    metrics.deadLetters.inc({ reason: "unreadable" });
    resolveOffset(String(next - 1));
    this.#failures.clear(nameOf(batch));
    this.#report();
  }

  #onFailure(
    error: unknown,
    { topic, partition }: TopicPartition,
    handover: AbortSignal,
    during: "batch" | "takeover",
  ): void {
    const { log, metrics } = this.options;
    const unavailable = error instanceof RetryableError;
    if (!unavailable && !(error instanceof NotAssigned) && !isKafkaError(error)) {
      this.#crash({ error, fatal: true });
      return;
    }
    const rests = error instanceof PausedPartition || error instanceof UnreadableBatch;
    if (!unavailable && !rests) metrics.laneRestarts.inc();
    if (handover.aborted) return;
    const place = { topic, partition };
    const name = nameOf(place);
    const restMs = this.#failures.add(name, error, during);
    if (this.#failures.why) this.#report();
    if (!rests) log.debug(`${name}: ${explain(error)}; taking it over again`);
    // It alone rests; the other lanes go on.
    this.#pause(place);
    void pause(restMs, handover).then(() => this.#retake(place, handover));
  }

  /** A lane that commits nothing gets on without the coordinator; the service does not. */
  #report(): void {
    this.setState(this.#silence ?? this.#led ?? this.#failures.why);
  }

  async #flush(options: { force: boolean }): Promise<void> {
    await Promise.all([...this.#lanes].map(([name, lane]) =>
      lane.exclusive(async () => {
        try {
          await lane.flush(options);
        } catch (error) {
          this.options.log.debug(`${name}: offset not committed: ${explain(error)}`);
          // Nothing may ever come behind it that would take the partition over again: read once more.
          if (!this.#handover.signal.aborted) this.#goBack(name, lane);
        }
      })
    ));
  }

  /** Lets the consumer fetch again what its lane has not committed. */
  #goBack(name: string, { committed }: PartitionTask): void {
    this.#whileItRuns(() => this.#consumer.seek({ ...placeOf(name), offset: String(committed) }));
  }

  async #closeLanes(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.exclusive(() => lane.close())));
    this.#lanes.clear();
  }
}

/** Which partition a lane is of. */
function placeOf(name: string): TopicPartition {
  const [topic, partition] = name.split("/") as [string, string];
  return { topic, partition: Number(partition) };
}

/** A lane's name. */
function nameOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
