/**
 * Fetches from each broker, one after another: what one brings is handed over, each partition's batch on
 * its own, and the next is sent when all of them have been worked on. As kafkajs's fetchers.
 */
import type { BatchInHand, MemberOptions, PositionEvents } from "../../kafka/group/membership.ts";
import { type FetchWatch, watchFetches } from "../../kafka/group/fetch_watch.ts";
import type { ReadCommittedBatch } from "../../kafka/protocol/read_committed.ts";
import { pause } from "../../runtime/shutdown.ts";
import type { FetchedPartition } from "../cluster/requests.ts";
import type { SimulatedCluster } from "./cluster.ts";
import {
  isAboutCoordinator,
  KafkaJSNoBrokerAvailableError,
  refusal,
  typeOf,
  willPass,
} from "../../kafka/testing/kafkajs_parts.ts";
import { type Asked, batchOf, OffsetOutOfRange, requireAll } from "./fetched.ts";
import type { Membership } from "./membership.ts";
import type { Position, Positions } from "./positions.ts";

/** Longer than kafkajs's 50 ms, so that an idle member costs nothing: the broker wakes it up. */
export const IDLE_WAIT_MS = 1_000;
/** A few batches of the simulation: of half of the members, so that they find more behind what they have. */
const SMALL_FETCH_BYTES = 1_000;
const RETRY_MS = 100;
const REBALANCE_IN_PROGRESS = 27;

interface FetcherEvents {
  readonly isRunning: () => boolean;
  readonly onBatch: (inHand: BatchInHand) => Promise<void>;
}

export class Fetchers {
  /** By broker: ends what its fetcher waits for, if that lacks the position. */
  readonly #wakers = new Map<number, (position?: Position) => void>();
  /** A fetcher has failed: the others end. */
  #isHalted = false;
  readonly #mostBytes = Math.random() < 0.5 ? SMALL_FETCH_BYTES : Infinity;
  #events: PositionEvents | undefined;
  #watched: FetchWatch | undefined;

  constructor(
    private readonly cluster: SimulatedCluster,
    private readonly membership: Membership,
    private readonly positions: Positions,
    private readonly options: Pick<MemberOptions, "sessionTimeoutMs" | "fetch">,
    private readonly member: FetcherEvents,
  ) {}

  watch(maxGapMs: number, events: PositionEvents): void {
    this.#events = events;
    this.#watched = watchFetches(maxGapMs, events.onDoubt);
  }

  /** A fetch is wanted of this position. */
  wake(position: Position): void {
    if (this.#wakers.size === 0) return;
    this.#wakers.get(this.cluster.leaderOf(position))?.(position);
  }

  wakeAll(): void {
    for (const wake of this.#wakers.values()) wake();
  }

  /** Until the member stops, or there are other brokers. @throws the group rebalances; or it failed */
  async run(): Promise<void> {
    const nodes = this.cluster.getNodeIds();
    this.#isHalted = false;
    let failure: { readonly error: unknown } | undefined;
    const halt = (error: unknown) => {
      failure ??= { error };
      this.#halt();
    };
    const all = nodes.map((node) => this.#fetcher(Number(node), nodes).catch(halt));
    if (nodes.length === 0) throw new KafkaJSNoBrokerAvailableError!("No broker is known");
    await Promise.all(all);
    if (failure) throw failure.error;
  }

  #halt(): void {
    this.#isHalted = true;
    this.wakeAll();
  }

  get #goesOn(): boolean {
    return this.member.isRunning() && !this.#isHalted;
  }

  async #fetcher(node: number, nodes: readonly string[]): Promise<void> {
    while (this.#goesOn) {
      const current = this.cluster.getNodeIds();
      const hasChanged = current.length !== nodes.length ||
        current.some((each) => !nodes.includes(each));
      if (hasChanged && current.length > 0) return this.#halt();
      this.#watched?.started(node);
      let batches: ReadCommittedBatch[];
      try {
        batches = await this.#fetch(node);
      } catch (error) {
        await this.#recover(error);
        batches = [];
      }
      this.#watched?.ended(node);
      if (!this.#goesOn) return;
      if (batches.length === 0) await this.membership.heartbeat();
      else await this.#handAllOver(batches);
    }
  }

  async #fetch(node: number): Promise<ReadCommittedBatch[]> {
    if (this.cluster.isStale) {
      await this.cluster.refreshMetadata();
      if (this.membership.hasNewPartitions) throw refusal(REBALANCE_IN_PROGRESS);
    }
    const asked = await this.#toAsk(node);
    // One of them may have been revoked, or all of it been stopped.
    if (!this.#goesOn) return [];
    if (asked.length === 0) {
      await this.#idle(node);
      return [];
    }
    const answer = await this.#ask(node, asked);
    if (!answer) {
      // kafkajs's fetch, which is shorter, would have been answered, and another one sent.
      if (this.#goesOn) this.#watched?.answered(node);
      return [];
    }
    requireAll(answer, asked);
    let isAnswered = false;
    const batches: ReadCommittedBatch[] = [];
    for (let i = 0; i < answer.length; i++) {
      const { position, offset } = asked[i]!;
      if (position.seek !== undefined || position.isPaused) continue;
      isAnswered = true;
      if (answer[i]!.batches.length > 0) batches.push(batchOf(answer[i]!, offset));
    }
    if (isAnswered) this.#watched?.answered(node);
    return batches;
  }

  async #toAsk(node: number): Promise<Asked[]> {
    const asked: Asked[] = [];
    for (const position of this.positions.assigned) {
      if (this.cluster.leaderOf(position) !== node) continue;
      if (position.seek !== undefined) {
        position.next = position.seek;
        position.seek = undefined;
      }
      if (position.isPaused || position.isInHand) continue;
      // Before the loop has said where to go on: as kafkajs.
      position.next ??= await this.membership.committed(position) ??
        await this.#firstOffset(position);
      const { topic, partition, next } = position;
      asked.push({ position, topic, partition, offset: next });
    }
    return asked;
  }

  async #firstOffset({ topic, partition }: Position): Promise<number> {
    const partitions = [{ partition }];
    const [found] = await this.cluster.fetchTopicsOffset([
      { topic, partitions, fromBeginning: true },
    ]);
    return Number(found?.partitions[0]?.offset ?? 0);
  }

  /** Nothing to ask for: until there is, or a heartbeat may be due. */
  #idle(node: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#wakers.delete(node);
        resolve();
      };
      const timer = setTimeout(end, IDLE_WAIT_MS);
      this.#wakers.set(node, end);
    });
  }

  /** @returns undefined when something else is to be asked: then the answer is thrown away */
  async #ask(
    node: number,
    asked: readonly Asked[],
  ): Promise<readonly FetchedPartition[] | undefined> {
    const broker = await this.cluster.findBroker({ nodeId: String(node) });
    if (!this.#goesOn) return undefined;
    const { maxBytesPerPartition, maxWaitTimeInMs, minBytes } = this.options.fetch;
    const request = {
      api: "Fetch",
      partitions: asked,
      maxWaitMs: IDLE_WAIT_MS,
      // kafkajs would have begun to wait for more than a little some time ago.
      gatherMs: minBytes > 1 ? Math.random() * maxWaitTimeInMs : 0,
      maxBytesPerPartition: Math.min(maxBytesPerPartition, this.#mostBytes),
    } as const;
    return await new Promise((resolve, reject) => {
      this.#wakers.set(node, (position) => {
        const isAsked = position !== undefined &&
          asked.some((each) =>
            each.position === position && (position.seek ?? each.offset) === each.offset
          );
        if (isAsked) return;
        this.#wakers.delete(node);
        broker.fetching.abandon();
        resolve(undefined);
      });
      broker.ask(request).then((answer) => {
        this.#wakers.delete(node);
        resolve(answer);
      }, (error) => {
        this.#wakers.delete(node);
        reject(error);
      });
    });
  }

  /** Each partition's on its own. @throws the first failure, when all have ended */
  async #handAllOver(batches: readonly ReadCommittedBatch[]): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    await Promise.all(batches.map((batch) =>
      this.#handOver(batch).catch((error) => {
        failure ??= { error };
      })
    ));
    if (failure) throw failure.error;
  }

  async #handOver(batch: ReadCommittedBatch): Promise<void> {
    if (!this.member.isRunning()) return;
    const position = this.positions.of(batch);
    const resolveOffset = (offset: number | string) => {
      const isLast = batch.messages.at(-1)?.offset === Number(offset);
      position.next = Number(isLast ? batch.lastOffset() : offset) + 1;
    };
    if (batch.messages.length === 0) {
      const last = Number(batch.lastOffset());
      position.next = last + 1;
      this.#events?.onNothing?.(batch, Number(batch.firstOffset() ?? last), last + 1);
    } else {
      position.isInHand = true;
      try {
        await this.member.onBatch({
          batch,
          resolveOffset,
          heartbeat: () => this.membership.heartbeat(),
          isRunning: this.member.isRunning,
          isStale: () => position.seek !== undefined,
        });
      } finally {
        position.isInHand = false;
        // Another broker may lead it by now.
        this.wake(position);
      }
    }
    await this.membership.heartbeat();
  }

  /** As kafkajs's recoverFromFetch with our patches. @throws what ends the fetching */
  async #recover(error: unknown): Promise<void> {
    if (error instanceof OffsetOutOfRange) {
      const { topic, partition, offset } = error.asked;
      this.#events?.onOutOfRange({ topic, partition, offset });
      return await pause(RETRY_MS);
    }
    if (typeOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") {
      await this.cluster.refreshMetadata();
      throw refusal(REBALANCE_IN_PROGRESS);
    }
    if (!willPass(error) || this.membership.isGivenUp) throw error;
    await pause(RETRY_MS);
    if (isAboutCoordinator(error)) await this.membership.findCoordinator().catch(() => {});
    else await this.cluster.refreshMetadata().catch(() => {});
  }
}
