/**
 * Writes what comes of the batches of all input partitions of a member. What several partitions have to
 * commit at the same time goes together: one producer, and one transaction (KIP-447).
 *
 * exactly_once: outputs and offsets in one Kafka transaction. The offsets are added to it as the member of
 * the generation in which the partitions were assigned: the coordinator refuses a member that was replaced.
 *
 * at_least_once: outputs first, then the offsets, as the same member. A crash between the two repeats the
 * outputs.
 *
 * After any error the producer is spent, and another one takes its place at once: with its transactional
 * id it ends what the first left open, which would hold up whoever reads the outputs, or the offsets.
 */
import type { TopicMessages } from "kafkajs";
import { pause } from "../../runtime/shutdown.ts";
import { LAST_TOPIC, type Names, type Service } from "../../topology.ts";
import type { ClusterSource } from "../client/cluster.ts";
import { ProducerError } from "../client/error_codes.ts";
import type { GroupOffsets } from "../offsets/committed_offsets.ts";
import { inParts } from "../producer/partitioning.ts";
import { Producer } from "../producer/producer.ts";
import type { MemberGeneration, PartitionOffset, TopicPartition } from "../protocol/requests.ts";
import { ownerOf } from "./owner.ts";
import { Pacing } from "./pacing.ts";
import { NotAssigned, type PartitionWriter } from "./assignment.ts";

/** For a leader or a coordinator to move; then the partitions are assigned again. */
const DELIVERY_TIMEOUT_MS = 10_000;
/** Before another producer is opened where that has failed. */
const REOPEN_MS = 500;
/** What nobody waits for goes with the next transaction, and has one of its own after so long. */
const MAY_WAIT_MS = 100;
const OUTDATED = "it was assigned in an earlier generation of the group";

/** An input partition, and as which member it was assigned: the latest generation in which it is ours. */
export interface AssignedInput extends TopicPartition {
  readonly generation: MemberGeneration;
}

/** Whether these are generations of one member, one right after the other. */
export function follows(next: MemberGeneration, last: MemberGeneration): boolean {
  return next.memberId === last.memberId && next.generation === last.generation + 1;
}

interface Step {
  readonly input: AssignedInput;
  readonly outputs: readonly TopicMessages[];
  readonly nextOffset: number;
}

type WaitingStep = Step & PromiseWithResolvers<void>;

export interface MemberWriterOptions {
  readonly service: Service;
  readonly group: string;
  /** Absent: at least once. */
  readonly transactionalId?: string | undefined;
  readonly transactionTimeoutMs: number;
  /** The transactional id of an owner that its token does not name: before version 0.2. */
  readonly formerIdOf: (input: TopicPartition) => string;
  readonly offsets: GroupOffsets;
  readonly names: Names;
  /** See `ProcessorOptions`. */
  readonly maxTurn?: number | undefined;
  /** Told with the reason when a commit is late, and with undefined when it is over. */
  readonly onLateCommit?: (why: ProducerError | undefined) => unknown;
  /**
   * At least once: told of offsets that may be committed later, over those after them. The generation has
   * to end.
   */
  readonly onUnanswered?: (error: ProducerError) => void;
}

export class MemberWriter {
  readonly pacing: Pacing;
  #producer: Promise<Producer> | undefined;
  #generation: MemberGeneration | undefined;
  #waiting: WaitingStep[] = [];
  #isWorking = false;
  /** What failed in company is tried alone: it may be one of them that the cluster refuses. */
  readonly #alone = new WeakSet<AssignedInput>();
  /** Transactional ids that were fenced in this generation. */
  readonly #fenced = new Map<string, Promise<void>>();
  #membersNow: Promise<ReadonlySet<string>> | undefined;
  /** Begins the transaction that steps wait for which may wait. */
  #onUrgent: (() => void) | undefined;
  #hurries = false;
  readonly #closing = new AbortController();

  constructor(
    private readonly kafka: ClusterSource,
    private readonly options: MemberWriterOptions,
  ) {
    this.pacing = new Pacing(
      options.service,
      options.names.topic(LAST_TOPIC),
      (input) => this.#isWaiting(input),
      options.maxTurn,
    );
  }

  /** From now on this is the member; what was assigned to an earlier one only, it no longer writes. */
  onAssigned(generation: MemberGeneration): void {
    this.#generation = generation;
    this.#hurries = false;
    this.#fenced.clear();
    this.#membersNow = undefined;
  }

  /**
   * Fences first, and only then reads the committed offset.
   *
   * @param owner the token of the previous one, if it is known
   */
  async open(input: AssignedInput, owner: string | undefined): Promise<PartitionWriter> {
    await this.#ready();
    if (this.options.transactionalId) await this.#fence(input, owner);
    const start = await this.options.offsets.committed(input);
    // Who takes it now would hide the owner since: the next one has to end what that left open.
    if (input.generation !== this.#generation) throw new NotAssigned(OUTDATED);
    return {
      start,
      commit: (outputs, nextOffset) => this.#commit({ input, outputs, nextOffset }),
    };
  }

  /**
   * Nothing waits any more for a transaction to go with, until the next generation.
   *
   * @param input only what comes of it now: something waits behind it
   */
  hurry(input?: TopicPartition): void {
    if (!input) this.#hurries = true;
    if (!input || this.#isWaiting(input)) this.#onUrgent?.();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.hurry();
    await this.#producer?.then((producer) => producer.close(), () => {});
  }

  /** Ends what the previous owner left open. One that is a member still ends it itself. */
  async #fence(input: TopicPartition, token: string | undefined): Promise<void> {
    const owner = token === undefined ? undefined : ownerOf(token);
    // Each time: no generation keeps such a one from taking its id once more.
    if (!owner) return await this.options.offsets.fence(this.options.formerIdOf(input));
    const { transactionalId: id, memberId } = owner;
    if (id === this.options.transactionalId) return;
    if ((await this.#members()).has(memberId)) return;
    let fenced = this.#fenced.get(id);
    if (fenced === undefined) {
      fenced = this.options.offsets.fence(id);
      this.#fenced.set(id, fenced);
      fenced.catch(() => this.#fenced.delete(id));
    }
    await fenced;
  }

  /** Of the group, as of this generation or a later one. */
  #members(): Promise<ReadonlySet<string>> {
    if (this.#membersNow === undefined) {
      const members = this.options.offsets.members();
      this.#membersNow = members;
      members.catch(() => this.#membersNow = undefined);
    }
    return this.#membersNow;
  }

  /** The producer; another one where there is none, or the last is spent. */
  async #ready(): Promise<Producer> {
    if (this.#closing.signal.aborted) throw new NotAssigned("the member has stopped");
    if (this.#producer === undefined) {
      const { transactionalId, transactionTimeoutMs, onLateCommit } = this.options;
      const producer = Producer.open(
        this.kafka,
        transactionalId === undefined ? { deliveryTimeoutMs: DELIVERY_TIMEOUT_MS } : {
          transactionalId,
          transactionTimeoutMs,
          deliveryTimeoutMs: Math.min(DELIVERY_TIMEOUT_MS, transactionTimeoutMs),
          onLateCommit,
        },
      );
      this.#producer = producer;
      producer.catch(() => {
        if (this.#producer === producer) this.#producer = undefined;
      });
    }
    return await this.#producer;
  }

  async #replace(spent: Producer): Promise<void> {
    this.#producer = undefined;
    await spent.close();
    const { signal } = this.#closing;
    const isOpen = () => this.#ready().then(() => true, () => false);
    while (!signal.aborted && !await isOpen()) await pause(REOPEN_MS, signal);
  }

  #commit(step: Step): Promise<void> {
    const waiting = { ...step, ...Promise.withResolvers<void>() };
    this.#waiting.push(waiting);
    if (!this.#mayWait(waiting)) this.#onUrgent?.();
    this.pacing.check();
    if (!this.#isWorking) void this.#work();
    return waiting.promise;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    const { pacing } = this;
    while (this.#waiting.length > 0) {
      await this.#untilUrgent();
      await pacing.gathered();
      const steps = this.#nextSteps();
      if (steps.length === 0) continue;
      pacing.began(steps.map(({ input }) => input));
      try {
        await this.#publish(steps).finally(() => pacing.ended());
        for (const { input, resolve } of steps) {
          this.#alone.delete(input);
          resolve();
        }
      } catch (error) {
        for (const { input, reject } of steps) {
          if (steps.length > 1) this.#alone.add(input);
          reject(error);
        }
      }
    }
    // In the turn in which nothing waits: what comes in the next one would never be answered.
    this.#isWorking = false;
  }

  async #untilUrgent(): Promise<void> {
    if (
      this.#hurries || this.pacing.moreWaits || !this.#waiting.every((step) => this.#mayWait(step))
    ) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onUrgent = resolve;
    const timer = setTimeout(resolve, MAY_WAIT_MS);
    await promise;
    clearTimeout(timer);
    this.#onUrgent = undefined;
  }

  #isWaiting({ topic, partition }: TopicPartition): boolean {
    return this.#waiting.some(({ input }) =>
      input.partition === partition && input.topic === topic
    );
  }

  #mayWait({ input, outputs }: Step): boolean {
    return outputs.length === 0 || this.pacing.mayWait(input);
  }

  #nextSteps(): WaitingStep[] {
    const mine = this.#waiting.filter(({ input, reject }) => {
      const isMine = input.generation === this.#generation;
      if (!isMine) reject(new NotAssigned(OUTDATED));
      return isMine;
    });
    const [first] = mine;
    const alone = first && this.#alone.has(first.input);
    const steps = alone ? [first] : mine.filter(({ input }) => !this.#alone.has(input));
    this.#waiting = mine.filter((step) => !steps.includes(step));
    return steps;
  }

  async #publish(steps: readonly Step[]): Promise<void> {
    const { group, transactionalId } = this.options;
    const next = steps.map(({ input: { topic, partition }, nextOffset }) => (
      { topic, partition, offset: nextOffset }
    ));
    const generation = this.#generation!;
    const producer = await this.#ready();
    try {
      const parts = inParts(steps.flatMap(({ outputs }) => outputs));
      if (transactionalId === undefined) {
        for (const part of parts) await producer.send(part);
        return await this.#commitOffsets(next, generation);
      }
      await producer.sendWithOffsets(parts, group, next, generation);
      await producer.commit();
    } finally {
      if (producer.isSpent()) void this.#replace(producer);
    }
  }

  async #commitOffsets(next: PartitionOffset[], generation: MemberGeneration): Promise<void> {
    const { offsets, onUnanswered } = this.options;
    try {
      await offsets.commitAs(generation, next);
    } catch (error) {
      if (error instanceof ProducerError && error.type === "NO_ANSWER") onUnanswered?.(error);
      throw error;
    }
  }
}
