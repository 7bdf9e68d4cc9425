/** A member's place in its group, asked of the coordinator: it joins, sends heartbeats, commits, leaves. */
import { assign, type Assignment, type Subscriber } from "../../kafka/group/assigner.ts";
import type { TopicPartition } from "../../kafka/protocol/requests.ts";
import { pause } from "../../runtime/shutdown.ts";
import type { AnswerOf, RequestOf } from "../cluster/requests.ts";
import type { SimulatedBroker } from "./broker.ts";
import type { SimulatedCluster } from "./cluster.ts";
import {
  isAboutCoordinator,
  isRetriable,
  isUnanswered,
  refusal,
  typeOf,
} from "../../kafka/testing/kafkajs_parts.ts";

const REBALANCING = new Set([
  "REBALANCE_IN_PROGRESS",
  "NOT_COORDINATOR_FOR_GROUP",
  "ILLEGAL_GENERATION",
]);
const RETRY = { firstMs: 20, mostMs: 1_000, factor: 1.6, retries: 8 };

export const isRebalancing = (error: unknown) => REBALANCING.has(typeOf(error));
export const isForgotten = (error: unknown) => typeOf(error) === "UNKNOWN_MEMBER_ID";

/** Pauses between attempts, as kafkajs has them; one call for each attempt that failed. */
export function createRetries(): (error: unknown) => Promise<void> {
  let attempt = 0;
  let waitMs = RETRY.firstMs;
  return async (error) => {
    if (attempt++ === RETRY.retries || !isRetriable(error)) throw error;
    await pause(waitMs);
    waitMs = Math.min(RETRY.mostMs, waitMs * RETRY.factor);
  };
}

interface MembershipOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
}

export class Membership {
  memberId = "";
  generation = -1;
  /** Of each topic how many partitions it had when the group was assigned. */
  readonly #counts = new Map<string, number>();
  /** When the coordinator answered last, by performance.now; undefined while it joins. */
  heardAtMs: number | undefined;
  #coordinator: SimulatedBroker | undefined;
  #owned: Assignment = {};
  /** As kafkajs counts it: by Date. */
  #lastRequestMs = Date.now();
  #beating: Promise<void> | undefined;

  constructor(
    private readonly cluster: SimulatedCluster,
    private readonly options: MembershipOptions,
  ) {}

  /** Joins, until it is assigned. */
  async join(): Promise<Assignment> {
    this.heardAtMs = undefined;
    const retry = createRetries();
    for (;;) {
      try {
        const assignment = await this.#joinAndSync();
        this.heardAtMs = performance.now();
        return this.#owned = assignment;
      } catch (error) {
        if (isForgotten(error)) this.memberId = "";
        else if (!isRebalancing(error)) throw error;
        await retry(new Error("joins anew", { cause: error }));
      }
    }
  }

  async #joinAndSync(): Promise<Assignment> {
    const { group, topics, sessionTimeoutMs } = this.options;
    await this.findCoordinator();
    const joined = await this.#coordinator!.ask({
      api: "JoinGroup",
      group,
      memberId: this.memberId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: sessionTimeoutMs,
      metadata: { topics, owned: this.#owned },
    });
    if (joined.code !== 0) throw refusal(joined.code);
    this.memberId = joined.memberId;
    this.generation = joined.generation;
    const isLeader = joined.leaderId === joined.memberId;
    if (isLeader) await this.cluster.refreshMetadata();
    this.#count();
    const synced = await this.#coordinator!.ask({
      api: "SyncGroup",
      group,
      generation: joined.generation,
      memberId: joined.memberId,
      assignments: isLeader ? this.#assign(joined) : [],
    });
    if (synced.code !== 0) throw refusal(synced.code);
    const assignment = (synced.assignment ?? {}) as Assignment;
    if (!this.#knows(assignment)) {
      await this.cluster.refreshMetadata();
      this.#count();
    }
    this.#lastRequestMs = Date.now();
    return assignment;
  }

  #assign({ members }: AnswerOf<RequestOf<"JoinGroup">>) {
    const partitions = Object.fromEntries(
      this.options.topics.map((topic) => [
        topic,
        this.cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
      ]),
    );
    const subscribers = members.map(({ memberId, metadata }) => ({
      memberId,
      ...metadata as Omit<Subscriber, "memberId">,
    }));
    return [...assign(partitions, subscribers)]
      .map(([memberId, assignment]) => ({ memberId, assignment }));
  }

  #count(): void {
    for (const topic of this.options.topics) {
      this.#counts.set(topic, this.cluster.findTopicPartitionMetadata(topic).length);
    }
  }

  #knows(assignment: Assignment): boolean {
    return Object.entries(assignment).every(([topic, partitions]) =>
      partitions.every((partition) => partition < this.#counts.get(topic)!)
    );
  }

  /** Whether a topic has more partitions than when the group was assigned. */
  get hasNewPartitions(): boolean {
    for (const [topic, count] of this.#counts) {
      if (this.cluster.findTopicPartitionMetadata(topic).length > count) return true;
    }
    return false;
  }

  async findCoordinator(): Promise<void> {
    this.#coordinator = await this.cluster.findGroupCoordinator({ groupId: this.options.group });
  }

  /** Whether the group has given this member up by now. */
  get isGivenUp(): boolean {
    return Date.now() - this.#lastRequestMs > this.options.sessionTimeoutMs;
  }

  /**
   * Sends a heartbeat, if one is due. Where the coordinator is away it is looked up.
   *
   * @throws the group rebalances, or gave this member up
   */
  heartbeat(): Promise<void> {
    // As patches/consumer.ts: the clock was set back.
    const now = Date.now();
    if (this.#lastRequestMs > now) this.#lastRequestMs = now - this.options.heartbeatMs;
    const isDue = this.memberId !== "" &&
      Date.now() >= this.#lastRequestMs + this.options.heartbeatMs;
    if (!isDue) return Promise.resolve();
    return this.#beating ??= this.#beat().finally(() => this.#beating = undefined);
  }

  async #beat(): Promise<void> {
    const { group } = this.options;
    try {
      const { code } = await this.#coordinator!.ask({
        api: "Heartbeat",
        group,
        generation: this.generation,
        memberId: this.memberId,
      });
      if (code !== 0) throw refusal(code);
      this.#lastRequestMs = Date.now();
      this.heardAtMs = performance.now();
    } catch (error) {
      const isAway = isAboutCoordinator(error) || isUnanswered(error);
      if (!isAway || this.isGivenUp) throw error;
      await this.findCoordinator().catch(() => {});
    }
  }

  /** The committed offset, without waiting for transactions; undefined where there is none. */
  async committed({ topic, partition }: TopicPartition): Promise<number | undefined> {
    const { codes: [code = 0], partitions: [found] } = await this.#coordinator!.ask({
      api: "OffsetFetch",
      group: this.options.group,
      partitions: [{ topic, partition }],
      requireStable: false,
    });
    if (code !== 0) throw refusal(code);
    return found === undefined || found.offset < 0 ? undefined : found.offset;
  }

  async leave(): Promise<void> {
    const { memberId } = this;
    if (memberId === "") return;
    this.memberId = "";
    await this.#coordinator!.ask({ api: "LeaveGroup", group: this.options.group, memberId });
  }
}
