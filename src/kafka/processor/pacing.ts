/**
 * When a member fetches next, and when its next transaction begins. A transaction costs the cluster the
 * same whether it has one order or a thousand, for each of its partitions. So what was fetched together is
 * committed together. Where more is known to wait, the next fetch goes on meanwhile; otherwise it keeps a
 * distance from the transaction, in which more arrives. The first one after a rest begins at once.
 */
import { pause } from "../../runtime/shutdown.ts";
import type { FetchedBatch } from "../group/membership.ts";
import { type Service, TOPICS, topicsReadBy } from "../../topology.ts";

/** From one transaction to the next, in milliseconds, where records come one by one. */
const INTERVAL_MS = 100;
/**
 * Where each record was committed by a service of ours it came with others, after their pause: another one
 * for each hop would only add up.
 */
const INTERVAL_OF_TRANSACTIONS_MS = 20;
/** What is slower, such as a batch whose payments are asked for again, goes into the next transaction. */
const GATHER_MS = 30;
/** Records in hand while the next fetch goes on, at most: memory stays bounded. */
const MAX_BYTES_AHEAD = 3 * 1024 * 1024;

export class Pacing {
  #inHand = 0;
  #atWork = 0;
  #bytesInHand = 0;
  /** How many in hand have more behind them. */
  #withMore = 0;
  /** Whether one had since the last transaction began. */
  #hadMore = false;
  #changed = Promise.withResolvers<void>();
  #nextAt = -Infinity;
  #onGathered: (() => void) | undefined;
  readonly #intervalMs: number;

  /** @param waiting how many batches wait for the next transaction */
  constructor(service: Service, private readonly waiting: () => number) {
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
   * @returns resolves when it is time for the next fetch
   */
  async take(
    { bytes, hasMore }: Pick<FetchedBatch, "bytes" | "hasMore">,
    work: (begin: () => void) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let isAtWork = false;
    let hasEnded = false;
    const count = (by: 1 | -1) => {
      this.#inHand += by;
      this.#bytesInHand += by * bytes;
      if (hasMore) this.#withMore += by;
    };
    count(1);
    if (hasMore) this.#hadMore = true;
    const begin = () => {
      if (isAtWork) return;
      isAtWork = true;
      this.#atWork++;
      this.#change();
    };
    void work(begin).then(() => {
      hasEnded = true;
      count(-1);
      if (isAtWork) this.#atWork--;
      this.#change();
    });
    while (!hasEnded && !this.#fetchesAhead) await this.#changed.promise;
    if (!hasEnded) return;
    const leftMs = this.#nextAt - performance.now();
    if (leftMs > 0) await pause(leftMs, signal);
  }

  /** To be called when one more waits. */
  check(): void {
    if (this.#isComplete) this.#onGathered?.();
  }

  /** Resolves when every batch at work waits for the next transaction, or when that takes long. */
  async gathered(): Promise<void> {
    // All that comes in the same turn.
    await Promise.resolve();
    if (this.#isComplete) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onGathered = resolve;
    const timer = setTimeout(resolve, GATHER_MS);
    await promise;
    clearTimeout(timer);
  }

  began(): void {
    this.#nextAt = this.#hadMore ? -Infinity : performance.now() + this.#intervalMs;
    this.#hadMore = false;
  }

  #change(): void {
    this.check();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** More is known to wait, and all that is in hand is at work. */
  get #fetchesAhead(): boolean {
    return this.#withMore > 0 && this.#atWork === this.#inHand &&
      this.#bytesInHand <= MAX_BYTES_AHEAD;
  }

  get #isComplete(): boolean {
    return this.waiting() >= this.#atWork;
  }
}
