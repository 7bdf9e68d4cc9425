/**
 * When a member's next transaction begins. A transaction costs the cluster the same whether it has one
 * order or a thousand, for each of its partitions. So what was fetched together is committed together; and
 * the next fetch of that broker keeps a distance from the transaction, in which more arrives. The first one
 * after a rest begins at once.
 */
import { pause } from "../../runtime/shutdown.ts";
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

export class Pacing {
  #atWork = 0;
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

  /** A batch is at work: a transaction waits a little for what comes of it. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#atWork++;
    try {
      return await work();
    } finally {
      this.#atWork--;
      this.check();
    }
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
    this.#nextAt = performance.now() + this.#intervalMs;
  }

  /** Resolves when it is time to fetch for the next transaction, or when `signal` aborts. */
  async untilNext(signal: AbortSignal): Promise<void> {
    const leftMs = this.#nextAt - performance.now();
    if (leftMs > 0) await pause(leftMs, signal);
  }

  get #isComplete(): boolean {
    return this.waiting() >= this.#atWork;
  }
}
