/**
 * The input partitions of a member: assigned at once, each on its own (assignment.ts); worked on side by
 * side (loop.ts); paused and retried where one fails; revoked between two transactions.
 */
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { inputOf } from "../../database/positions.ts";
import { explain, isKafkaError } from "../client/errors.ts";
import { type Assignment, describeAssignment } from "../group/assigner.ts";
import type { BatchInHand, Member } from "../group/membership.ts";
import { TOPIC_CHECK_MS, TopicWatch } from "../log_watch/topic_watch.ts";
import { createLogStates, type LogStates } from "../log_watch/log_states.ts";
import { type GroupOffsets, openGroupOffsets } from "../offsets/committed_offsets.ts";
import type { MemberGeneration } from "../protocol/requests.ts";
import { UnreadableBatch } from "../protocol/unreadable.ts";
import {
  type AssignedPartition,
  assignPartition,
  NotAssigned,
  PausedPartition,
} from "./assignment.ts";
import { PartitionFailures } from "./failures.ts";
import type { ProcessorClient } from "./client.ts";
import { processBatch } from "./loop.ts";
import type { PartitionsOptions } from "./options.ts";
import { MemberWriter } from "./member_writer.ts";
import { type OwnPartition, OwnPartitions } from "./own_partitions.ts";
import { Skips } from "./skips.ts";

const FLUSH_EVERY_MS = 500;
/** Before the next fetch, where nothing may be worked on: soon there is another generation, or none. */
const REVOKED_MS = 100;

export class Partitions {
  readonly #partitions: OwnPartitions;
  readonly #failures = new PartitionFailures();
  readonly #offsets: GroupOffsets;
  readonly #writer: MemberWriter;
  readonly #logs: LogStates;
  readonly #watch: TopicWatch;
  readonly #skips: Skips;
  readonly #timers: readonly ReturnType<typeof setInterval>[];
  /** Aborts when the group rebalances or the member stops: batches stop between two transactions. */
  #revocation = new AbortController();
  #stopping = false;

  /**
   * @param maxFetchGapMs a fetch fails while its topic is deleted; after a gap as long as this the topic
   *   may have come back unnoticed, and is compared
   * @param onState told when `notReady` may have changed
   */
  constructor(
    private readonly client: ProcessorClient,
    private readonly member: Member,
    private readonly options: PartitionsOptions,
    maxFetchGapMs: number,
    private readonly onState: () => void,
  ) {
    const { names, service, topicCheckMs = TOPIC_CHECK_MS } = options;
    this.#partitions = new OwnPartitions((own) => this.#open(own), member);
    this.#offsets = openGroupOffsets(client, member.group);
    this.#writer = this.#createWriter();
    this.#logs = createLogStates(client);
    this.#watch = new TopicWatch(this.#logs, (inputs) => this.#reassign(inputs));
    this.#skips = new Skips((work) => client.withLogReader(work), service, names);
    member.watchPositions(maxFetchGapMs, {
      onNothing: ({ topic, partition }, from, to) => {
        const task = this.#partitions.named(inputOf(topic, partition))?.task;
        void task?.exclusive(() => Promise.resolve(task.stepOver(from, to)));
      },
      onDoubt: () => this.#watch.invalidate(),
      onOutOfRange: ({ topic, partition }) => {
        const own = this.#partitions.named(inputOf(topic, partition));
        if (own) this.#partitions.pause(own, "failed");
        if (own) void this.#reassign([own.name]);
      },
    });
    this.#timers = [
      setInterval(() => void this.#flush({ force: false }), FLUSH_EVERY_MS),
      setInterval(() => this.#watch.invalidate(), topicCheckMs),
    ];
  }

  /** Why some partition is not worked on; undefined when all are, or have only just failed. */
  get notReady(): string | undefined {
    return this.#failures.why;
  }

  onAssigned(assignment: Assignment, generation: MemberGeneration): void {
    // Nothing is assigned any more on behalf of the assignment before.
    this.#revocation.abort();
    this.#revocation = new AbortController();
    this.#watch.invalidate();
    if (this.#stopping) this.#revocation.abort();
    this.#writer.onAssigned(generation);
    const places = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition }))
    );
    const { mine, lost } = this.#partitions.assign(places, generation);
    for (const { name } of lost) {
      this.#failures.clear(name);
      this.#watch.remove(name);
    }
    this.options.metrics.partitions.set(mine.length);
    this.options.log.info(describeAssignment(assignment));
    // At once, not when the first message comes: where the group is ahead, none may ever come.
    const revoked = this.#revocation.signal;
    void Promise.all(mine.map((own) => this.#assign(own, revoked)))
      .then(() => revoked.aborted || this.onState());
  }

  /** Resolves when it is time for the next fetch: the batch may be in hand longer. */
  async onBatch(inHand: BatchInHand): Promise<void> {
    const revocation = this.#revocation;
    const revoked = revocation.signal;
    const { batch } = inHand;
    const own = this.#partitions.named(inputOf(batch.topic, batch.partition));
    // Fetched before it was assigned to another member.
    if (!own) return;
    if (revoked.aborted) {
      // kafkajs is to find out that it is no member of this generation any more.
      if (isKafkaError(revoked.reason)) throw revoked.reason;
      // Another broker's fetcher may be joining the group meanwhile: it is not read past, nor all the time.
      return await pause(REVOKED_MS);
    }
    // The next fetch goes on behind it; who does not work on all of it seeks back.
    inHand.resolveOffset(batch.lastOffset());
    const { failures } = own;
    const fail = (error: unknown) => this.#onFailure(error, own, revoked, "batch");
    const work = (begin: () => void) =>
      this.#watch.check().then(() =>
        own.task.exclusive(async () => {
          begin();
          // The one before it failed: this one comes again.
          if (own.failures === failures) await this.#process(own, inHand, revoked).catch(fail);
        })
      ).catch(fail).catch((error) => this.member.crash({ error, fatal: true }));
    const onLost = (error: unknown) => revocation.abort(error);
    if (!this.#writer.pacing.mayWait(batch)) this.#writer.hurry(batch);
    await this.#writer.pacing.take(
      batch,
      (begin) => this.member.keepAlive(inHand, () => work(begin), onLost),
      revoked,
      (isHeld) => this.#partitions[isHeld ? "pause" : "resume"](own, "behind"),
    );
    if (isKafkaError(revoked.reason)) throw revoked.reason;
  }

  /**
   * The group waits for it: batches in hand end between two transactions, not in the middle. But who comes
   * too late is no member any more; and an assignment under way may ask a database that does not answer.
   */
  async onRejoin(): Promise<void> {
    this.#revocation.abort();
    this.#writer.hurry();
    await settlesWithin(this.idle(), this.options.sessionTimeoutMs / 2);
  }

  #process(own: OwnPartition, inHand: BatchInHand, revoked: AbortSignal): Promise<void> {
    const { name, task, topic, partition } = own;
    return processBatch(inHand, {
      options: this.options,
      topic: this.member.topicOf(topic),
      task,
      pacing: this.#writer.pacing,
      skips: this.#skips,
      revoked,
      seek: (offset) => this.member.seek({ topic, partition }, offset),
      onProgress: () => {
        this.#failures.clear(name);
        this.onState();
      },
    });
  }

  /** Resolves when no partition is at work. */
  idle(): Promise<void> {
    return this.#partitions.idle();
  }

  /** Stops between two transactions, commits what is done, and leaves the group. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stopping = true;
    this.#revocation.abort();
    this.#writer.hurry();
    // First: who has left the group commits no more offsets.
    await this.#flush({ force: true });
    await this.member.stop();
    await this.#partitions.close();
    await Promise.allSettled([this.#writer, this.#offsets, this.#logs].map((part) => part.close()));
  }

  /** Assigns a partition, if that has not happened yet, and lets the consumer read on from there. */
  async #assign(input: OwnPartition, revoked: AbortSignal): Promise<void> {
    const { name, task } = input;
    const before = task.committed;
    try {
      const position = await task.exclusive(async () =>
        revoked.aborted ? undefined : await task.position()
      );
      if (position === undefined || revoked.aborted) return;
      // What had no answer was done: nothing may ever come behind it that would tell.
      if (task.committed! > (before ?? Infinity)) this.#failures.clear(name);
      else this.#failures.assigned(name);
      this.member.seek(input, position);
      this.#partitions.resume(input, "failed");
    } catch (error) {
      this.#onFailure(error, input, revoked, "assignment");
    }
  }

  /** The logs of these inputs are not what they were when they were assigned. */
  async #reassign(names: readonly string[]): Promise<void> {
    const revoked = this.#revocation.signal;
    const inputs = names.flatMap((name) => this.#partitions.named(name) ?? []);
    await Promise.all(inputs.map(({ task }) => task.exclusive(() => task.close())));
    for (const input of inputs) void this.#retry(input, revoked);
  }

  /** As `#assign`, and says how it went. */
  async #retry(input: OwnPartition, revoked: AbortSignal): Promise<void> {
    await this.#assign(input, revoked);
    if (!revoked.aborted) this.onState();
  }

  #onFailure(
    error: unknown,
    input: OwnPartition,
    revoked: AbortSignal,
    during: "batch" | "assignment",
  ): void {
    const { log, metrics } = this.options;
    const retryable = error instanceof RetryableError;
    if (!retryable && !(error instanceof NotAssigned) && !isKafkaError(error)) {
      this.member.crash({ error, fatal: true });
      return;
    }
    const isPaused = error instanceof PausedPartition || error instanceof UnreadableBatch;
    if (!retryable && !isPaused) metrics.partitionRestarts.inc();
    // Who assigns it in the next generation lets the consumer come back, too.
    if (revoked.aborted) return;
    input.failures++;
    const pauseMs = this.#failures.add(input.name, error, during);
    if (this.#failures.why) this.onState();
    if (!isPaused) log.debug(`${input.name}: ${explain(error)}; retrying in ${pauseMs} ms`);
    // It alone pauses; the other partitions go on.
    this.#partitions.pause(input, "failed");
    void pause(pauseMs, revoked).then(() => this.#retry(input, revoked));
  }

  /** Commits the offsets of batches without outputs. */
  async #flush(options: { force: boolean }): Promise<void> {
    const flush = async ({ name, task, topic, partition }: OwnPartition) => {
      try {
        await task.flush(options);
      } catch (error) {
        this.options.log.debug(`${name}: offset not committed: ${explain(error)}`);
        if (this.#revocation.signal.aborted) return;
        // Nothing may ever come behind it that would have it assigned again: fetch once more.
        if (task.committed !== undefined) this.member.seek({ topic, partition }, task.committed);
      }
    };
    const due = this.#partitions.all.filter(({ task }) => options.force || task.isDue);
    await Promise.all(due.map((input) => input.task.exclusive(() => flush(input))));
  }

  async #open(
    { name, topic: topicName, partition, input }: OwnPartition,
  ): Promise<AssignedPartition> {
    const where = { topic: this.member.topicOf(topicName), topicName, partition };
    const assigned = await assignPartition(where, (owner) => this.#writer.open(input, owner), {
      ...this.options,
      owner: { ...this.options, memberId: input.generation.memberId },
      group: this.member.group,
      logs: this.#logs,
    });
    this.#watch.add(name, topicName, assigned.topicId);
    return assigned;
  }

  #createWriter(): MemberWriter {
    const { guarantee, transactionalId, names, service } = this.options;
    return new MemberWriter(this.client, {
      ...this.options,
      group: this.member.group,
      transactionalId: guarantee === "exactly_once" ? transactionalId : undefined,
      formerIdOf: ({ topic, partition }) =>
        names.transactionalId(service, this.member.topicOf(topic), partition),
      offsets: this.#offsets,
      onLateCommit: (why) => this.#failures.late(why) && this.onState(),
      onUnanswered: (error) => {
        this.#revocation.abort();
        this.member.crash({ error, fatal: false });
      },
    });
  }
}
