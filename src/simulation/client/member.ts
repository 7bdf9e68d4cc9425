/**
 * A member of a consumer group as GroupMember is one, with what kafkajs does below it: it joins, fetches
 * from each broker that leads something of its, hands batches over side by side, and joins anew.
 */
import { isBug } from "../../kafka/client/errors.ts";
import type { Assignment } from "../../kafka/group/assigner.ts";
import {
  type BatchInHand,
  type Crash,
  type Member,
  type MemberEvents,
  type MemberOptions,
  type PositionEvents,
  topicNamed,
} from "../../kafka/group/membership.ts";
import type { TopicPartition } from "../../kafka/protocol/requests.ts";
import { settlesWithin } from "../../runtime/shutdown.ts";
import type { Topic } from "../../topology.ts";
import type { SimulatedCluster } from "./cluster.ts";
import { Fetchers, IDLE_WAIT_MS } from "./fetchers.ts";
import { createRetries, isForgotten, isRebalancing, Membership } from "./membership.ts";
import { Positions } from "./positions.ts";

/** As group/member.ts. */
const LOST_MEMBERSHIP = new Set([
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
]);
/** Heartbeats that may be missing before it is reported. */
const MAX_MISSING = 2.5;

export class SimulatedMember implements Member {
  readonly #positions = new Positions();
  readonly #membership: Membership;
  readonly #fetchers: Fetchers;
  readonly #ended = Promise.withResolvers<Crash | undefined>();
  readonly #heartbeatMs: number;
  #isRunning = false;
  /** The consumer's loop; it does not reject. */
  #consuming: Promise<void> = Promise.resolve();
  #onRebalancing = () => {};
  #events: MemberEvents | undefined;

  constructor(private readonly cluster: SimulatedCluster, readonly options: MemberOptions) {
    this.#heartbeatMs = Math.floor(options.sessionTimeoutMs / 5);
    this.#membership = new Membership(cluster, {
      group: options.group,
      topics: [...options.topics.keys()],
      sessionTimeoutMs: options.sessionTimeoutMs,
      heartbeatMs: this.#heartbeatMs,
    });
    this.#fetchers = new Fetchers(cluster, this.#membership, this.#positions, options, {
      isRunning: () => this.#isRunning,
      onBatch: (inHand) => this.#events!.onBatch(inHand),
    });
  }

  get group(): string {
    return this.options.group;
  }

  get notReady(): string | undefined {
    const { heardAtMs } = this.#membership;
    if (heardAtMs === undefined) return undefined;
    if (performance.now() - heardAtMs < MAX_MISSING * this.#heartbeatMs) return undefined;
    return "the coordinator of the consumer group does not answer";
  }

  topicOf(name: string): Topic {
    return topicNamed(this.options, name);
  }

  crash(crash: Crash): void {
    this.#ended.resolve(crash);
  }

  async run(signal: AbortSignal, events: MemberEvents): Promise<Crash | undefined> {
    const { topics, drainTimeoutMs, log } = this.options;
    this.#events = events;
    const onAbort = () => this.#ended.resolve(undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await this.cluster.addMultipleTargetTopics([...topics.keys()]);
      this.#isRunning = true;
      this.#consuming = this.#consume();
      return await this.#ended.promise;
    } catch (error) {
      return { error, fatal: isBug(error) };
    } finally {
      signal.removeEventListener("abort", onAbort);
      const drained = events.onStop().finally(() => this.cluster.disconnect());
      if (!await settlesWithin(drained, drainTimeoutMs)) {
        log.warn(`not drained within ${drainTimeoutMs} ms: leaving what is open to its timeouts`);
      }
    }
  }

  async #consume(): Promise<void> {
    try {
      await this.#join();
      let retry = createRetries();
      while (this.#isRunning) {
        try {
          await this.#fetchers.run();
        } catch (error) {
          if (isRebalancing(error)) this.#onRebalancing();
          else if (isForgotten(error)) this.#membership.memberId = "";
          else {
            await retry(error);
            continue;
          }
          await this.#events!.onRejoin?.();
          await this.#join();
          retry = createRetries();
        }
      }
    } catch (error) {
      this.#isRunning = false;
      // As kafkajs does before it tells of a crash.
      await this.#membership.leave().catch(() => {});
      this.crash({ error, fatal: false });
    }
  }

  async #join(): Promise<void> {
    const assignment: Assignment = await this.#membership.join();
    this.#positions.assign(assignment);
    const { generation, memberId } = this.#membership;
    this.#events!.onAssigned(assignment, { generation, memberId });
  }

  async keepAlive(
    { heartbeat }: Pick<BatchInHand, "heartbeat">,
    work: () => Promise<void>,
    onLost: (error: unknown) => void,
  ): Promise<void> {
    const onError = (error: unknown) => {
      const { type } = error as { type?: string };
      if (type !== undefined && LOST_MEMBERSHIP.has(type)) onLost(error);
    };
    const beating = setInterval(
      () => heartbeat().catch(onError),
      this.options.sessionTimeoutMs / 10,
    );
    try {
      await work();
    } finally {
      clearInterval(beating);
    }
  }

  watchPositions(maxFetchGapMs: number, events: PositionEvents): void {
    // An idle fetch waits longer than kafkajs's: to it that is no gap.
    this.#fetchers.watch(maxFetchGapMs + IDLE_WAIT_MS, events);
  }

  onRebalancing(listener: () => void): void {
    this.#onRebalancing = listener;
  }

  seek(place: TopicPartition, offset: number): void {
    if (!this.#isRunning) return;
    const position = this.#positions.of(place);
    position.seek = offset;
    this.#fetchers.wake(position);
  }

  pause(place: TopicPartition): void {
    if (this.#isRunning) this.#positions.of(place).isPaused = true;
  }

  resume(place: TopicPartition): void {
    if (!this.#isRunning) return;
    const position = this.#positions.of(place);
    position.isPaused = false;
    this.#fetchers.wake(position);
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#fetchers.wakeAll();
    await this.#consuming;
    await this.#membership.leave().catch(() => {});
  }
}
