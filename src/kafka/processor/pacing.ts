/**
 * When a member fetches next, when it works on what it fetched, and when its next transaction begins. A
 * transaction costs the cluster the same whether it has one order or a thousand, for each of its partitions.
 * So what was fetched together is committed together. Where more is known to wait, the next fetch goes on
 * meanwhile; otherwise it keeps a distance from the transaction, in which more arrives. The first one after
 * a rest begins at once. A batch that takes long, such as one whose payments are asked for again, keeps
 * neither from going on.
 */
import { pause } from "../../runtime/shutdown.ts";
import type { FetchedBatch } from "../group/membership.ts";
import type { TopicPartition } from "../protocol/requests.ts";
import { type Service, TOPICS, topicsReadBy } from "../../topology.ts";

/** From one transaction to the next, in milliseconds, where records come one by one. */
const INTERVAL_MS = 100;
/**
 * Where each record was committed by a service of ours it came with others, after their pause: another one
 * for each hop would only add up.
 */
const INTERVAL_OF_TRANSACTIONS_MS = 20;
/** What is slower goes into a later transaction. */
const GATHER_MS = 30;
/** Where no transaction leaves it behind, the next fetch waits no longer for a batch at work. */
const PATIENCE_MS = 100;
/**
 * The most that one fetch brings, decompressed (patches/fetch_limits.ts), so that memory stays bounded
 * whatever the backlog. As much may be in hand while the next one goes on: less, and it would wait for the
 * work.
 */
export const FETCH_BYTES = 6 * 1024 * 1024;

/** What was fetched of an input partition. */
type Batch = Pick<FetchedBatch, "topic" | "partition" | "bytes" | "hasMore">;

/** Until its work has ended. */
interface InHand extends Batch {
  /** The batch before it has ended. */
  isAtWork: boolean;
  /** Others of its fetch are worked on first: it is not late meanwhile. */
  isQueued: boolean;
  /**
   * Whether the next transaction, and the next fetch, wait for it: not where nobody waits for what comes of
   * it, nor once it is late (a transaction has begun without it, or there was none for PATIENCE_MS), nor
   * behind such a one.
   */
  isAwaited: boolean;
}

export class Pacing {
  readonly #inHand = new Set<InHand>();
  /** Whether a batch had more behind it since the last transaction began. */
  #hadMore = false;
  #changed = Promise.withResolvers<void>();
  #nextAt = -Infinity;
  /** When the last transaction ended; Infinity while there is one. */
  #endedAt = -Infinity;
  #onGathered: (() => void) | undefined;
  readonly #intervalMs: number;
  /** Messages that this turn still takes; undefined before its first. */
  #turn: { left: number; readonly over: Promise<void> } | undefined;

  /**
   * @param lastTopic the name on the cluster of LAST_TOPIC
   * @param isWaiting whether a batch of this input waits for the next transaction
   * @param maxTurn see `ProcessorOptions`
   */
  constructor(
    service: Service,
    private readonly lastTopic: string,
    private readonly isWaiting: (input: TopicPartition) => boolean,
    private readonly maxTurn = Infinity,
  ) {
    const writers = topicsReadBy(service).flatMap((topic): readonly Service[] =>
      TOPICS[topic].writers
    );
    const isOurs = writers.every((writer) => topicsReadBy(writer).length > 0);
    this.#intervalMs = isOurs ? INTERVAL_OF_TRANSACTIONS_MS : INTERVAL_MS;
  }

  /**
   * A batch is in hand until `work` has ended. A transaction waits a little for what comes of it.
   *
   * @param work calls `begin` when the batch before it has ended; does not reject
   * @param signal ends the distance
   * @param hold told that its partition is not to be fetched while this one waits for the one before it:
   *   however long that takes, no more than one does, and what comes meanwhile comes together
   * @returns resolves when it is time for the next fetch
   */
  async take(
    batch: Batch,
    work: (begin: () => void) => Promise<void>,
    signal: AbortSignal,
    hold: (isHeld: boolean) => void,
  ): Promise<void> {
    const { topic, partition, bytes, hasMore } = batch;
    const isAwaited = !this.mayWait(batch) && !this.#isBehind(batch);
    const own: InHand = {
      topic,
      partition,
      bytes,
      hasMore,
      isAtWork: false,
      isQueued: false,
      isAwaited,
    };
    this.#inHand.add(own);
    if (own.hasMore) this.#hadMore = true;
    let isHeld = false;
    let timer: ReturnType<typeof setInterval> | undefined;
    const begin = () => {
      if (isHeld) hold(isHeld = false);
      own.isAtWork = true;
      // However late the one before it was.
      own.isAwaited = !this.mayWait(own);
      timer = setInterval(() => {
        const forMs = performance.now() - this.#endedAt;
        if (forMs < PATIENCE_MS || this.isWaiting(own)) return;
        this.#leaveBehind(own);
        this.#change();
      }, PATIENCE_MS);
      this.#change();
    };
    void work(begin).then(() => {
      clearInterval(timer);
      if (isHeld) hold(isHeld = false);
      this.#inHand.delete(own);
      this.#change();
    });
    while (this.#inHand.has(own) && !this.#fetchesAhead) await this.#changed.promise;
    if (this.#inHand.has(own) && this.moreWaits) return;
    const leftMs = this.#nextAt - performance.now();
    if (leftMs > 0) await pause(leftMs, signal);
    if (this.#inHand.has(own) && !own.isAtWork && !signal.aborted) hold(isHeld = true);
  }

  /**
   * Resolves when so many messages of the batch of this input may be worked on: in this turn of the event
   * loop, unless that has had its share.
   */
  async turn(input: TopicPartition, messages: number): Promise<void> {
    if (this.maxTurn === Infinity) return;
    const own = [...this.#inHand].find((batch) => batch.isAtWork && isSame(batch, input));
    while (this.#turn && this.#turn.left <= 0) {
      if (own) own.isQueued = true;
      await this.#turn.over;
    }
    if (own) own.isQueued = false;
    this.#turn ??= { left: this.maxTurn, over: this.#overTurn() };
    this.#turn.left -= messages;
  }

  /** Whether nobody waits for what comes of this input. */
  mayWait({ topic }: TopicPartition): boolean {
    return topic === this.lastTopic;
  }

  /** To be called when one more waits. */
  check(): void {
    if (this.#onGathered && this.#isComplete) this.#onGathered();
  }

  /**
   * Resolves when every batch at work that is awaited waits for the next transaction, or when that takes
   * long: longer than the turns that it has to wait for.
   */
  async gathered(): Promise<void> {
    // All that comes in the same turn.
    await Promise.resolve();
    for (let isLate = false; !isLate && !this.#isComplete;) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      this.#onGathered = () => resolve(false);
      const timer = setTimeout(() => resolve(!this.#someAreQueued), GATHER_MS);
      isLate = await promise;
      this.#onGathered = undefined;
      clearTimeout(timer);
    }
  }

  /** A transaction has begun, of these inputs. */
  began(inputs: readonly TopicPartition[]): void {
    for (const batch of this.#inHand) {
      if (!inputs.some((input) => isSame(batch, input))) this.#leaveBehind(batch);
    }
    this.#endedAt = Infinity;
    this.#nextAt = this.#hadMore ? -Infinity : performance.now() + this.#intervalMs;
    this.#hadMore = false;
    // A fetch may have waited for what came too late.
    this.#change();
  }

  /** The transaction has ended, well or not. */
  ended(): void {
    this.#endedAt = performance.now();
  }

  /** Whether more is known to wait, and all that is in hand is at work. */
  get moreWaits(): boolean {
    let hasMore = false;
    for (const batch of this.#inHand) {
      if (!batch.isAtWork) return false;
      hasMore ||= batch.hasMore;
    }
    return hasMore;
  }

  async #overTurn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#turn = undefined;
  }

  #leaveBehind(batch: InHand): void {
    if (!batch.isAtWork || batch.isQueued || !batch.isAwaited) return;
    for (const each of this.#inHand) {
      // Nor for what waits behind it, until that is at work.
      if (each === batch || !each.isAtWork && isSame(each, batch)) each.isAwaited = false;
    }
  }

  #isBehind(batch: Batch): boolean {
    for (const before of this.#inHand) {
      if (!before.isAwaited && isSame(before, batch)) return true;
    }
    return false;
  }

  #change(): void {
    this.check();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  get #fetchesAhead(): boolean {
    let bytes = 0;
    let isAwaited = false;
    for (const batch of this.#inHand) {
      bytes += batch.bytes;
      isAwaited ||= batch.isAwaited;
    }
    return bytes <= FETCH_BYTES && (!isAwaited || this.moreWaits);
  }

  get #someAreQueued(): boolean {
    for (const batch of this.#inHand) if (batch.isQueued && batch.isAwaited) return true;
    return false;
  }

  get #isComplete(): boolean {
    for (const batch of this.#inHand) {
      if (batch.isAtWork && batch.isAwaited && !this.isWaiting(batch)) return false;
    }
    return true;
  }
}

function isSame(one: TopicPartition, other: TopicPartition): boolean {
  return one.partition === other.partition && one.topic === other.topic;
}
