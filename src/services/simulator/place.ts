/**
 * Places orders: makes those that are due, and publishes them in batches, one after the other, so that
 * what is acknowledged is always a prefix of the run. Before each it records how far it is.
 *
 * A batch that is not acknowledged is kept and sent again through a new publisher, until it is, or
 * until we are to stop. The cluster may then hold some of its orders twice; the validator sorts that
 * out. The next batch is made while one is on its way.
 */
import { Buffer } from "node:buffer";
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { explain, isKafkaError } from "../../kafka/client/errors.ts";
import type { KeyedRecord, Publisher } from "../../kafka/producer/publisher.ts";
import type { OrderMaker } from "./make_order.ts";
import type { Pace } from "./pace.ts";
import type { Reach } from "./runs.ts";

export interface PlaceOptions {
  readonly pace: Pace;
  readonly makeOrder: OrderMaker;
  /** @param onDelay told when a batch takes long to be acknowledged, and why */
  readonly openPublisher: (onDelay: (error: Error) => void) => Promise<Publisher>;
  /** Sequence numbers of orders that are in the log already: they are left out. */
  readonly arrived: ReadonlySet<number>;
  /**
   * Called before a batch is handed to the publisher, and when no other follows soon after it was
   * acknowledged; not at the end.
   *
   * @throws {RetryableError} is tried again
   */
  readonly record: (reach: Reach) => Promise<void>;
  /** Told of a batch that the cluster has. */
  readonly onAcknowledged?: ((batch: readonly KeyedRecord[]) => void) | undefined;
  /** Most orders in a batch. */
  readonly maxBatch: number;
  readonly signal: AbortSignal;
  /** Once `signal` has aborted: how long the batch on its way may still take. */
  readonly drainTimeoutMs: number;
  /** Told why nothing moves, and `undefined` when it does again; once for each change. */
  readonly onTrouble: (reason: string | undefined) => void;
}

/** How far the run is, as sequence numbers: all orders below have come as far. */
export interface Placing {
  /** Orders that were handed to the publisher. */
  placed: number;
  /** Of these, those that the cluster has acknowledged. */
  acknowledged: number;
}

/** Orders that become due within this time go together, unless there are enough for a batch. */
const LINGER_MS = 20;
/** What is acknowledged is recorded with the next batch, unless that is due later than this. */
const IDLE_MS = 100;
/** Pause before a batch is sent, or a count recorded, again. */
const RETRY_MS = 500;
const CLOSE_LIMIT_MS = 2_000;
/** A cluster refuses batches of more than 1 MiB, and all of a batch may go to one partition. */
const MAX_BATCH_BYTES = 768 * 1024;
/** What a record takes beside its key and value: the header, lengths, its place in the batch. */
const RECORD_OVERHEAD_BYTES = 96;

interface Batch {
  readonly publications: readonly KeyedRecord[];
  /** The sequence number after its last one. */
  readonly end: number;
}

/**
 * Places all orders of `pace`, or until `signal` aborts.
 *
 * @param progress where to begin; is kept up to date
 */
export async function placeOrders(options: PlaceOptions, progress: Placing): Promise<void> {
  const { pace, makeOrder, arrived, maxBatch, signal, drainTimeoutMs } = options;
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  const elapsedMs = () => performance.now() - startedAt;
  let made = progress.placed;
  const outbox = new Outbox(options, progress);

  function makeBatch(first: number, end: number): Batch {
    const publications: KeyedRecord[] = [];
    let bytes = 0;
    let n = first;
    for (; n < end && bytes < MAX_BATCH_BYTES; n++) {
      if (arrived.has(n)) continue;
      const order = makeOrder(n, startedAtMs + (pace.dueAtMs(n) ?? elapsedMs()));
      bytes += sizeOf(order);
      publications.push(order);
    }
    return { publications, end: n };
  }

  let onItsWay: Promise<void> = Promise.resolve();
  try {
    while (!signal.aborted && made < pace.total && !pace.over(elapsedMs())) {
      const due = Math.min(pace.due(elapsedMs()), made + maxBatch);
      if (due <= made) {
        const waitMs = () => pace.dueAtMs(made)! - elapsedMs();
        if (waitMs() > IDLE_MS) {
          await untilStopped(onItsWay.then(() => outbox.record()), signal, drainTimeoutMs);
        }
        await pause(Math.max(waitMs(), LINGER_MS), signal);
        continue;
      }
      const batch = makeBatch(made, due);
      const isAllDue = batch.end === due && due - made < maxBatch;
      made = batch.end;
      await untilStopped(onItsWay, signal, drainTimeoutMs);
      if (signal.aborted) break;
      onItsWay = outbox.send(batch);
      // The next `await` of it throws the error.
      onItsWay.catch(() => {});
      if (isAllDue) await pause(LINGER_MS, signal);
    }
    await untilStopped(onItsWay, signal, drainTimeoutMs);
  } finally {
    await outbox.close();
  }
}

function sizeOf({ key, value }: KeyedRecord): number {
  const length = typeof value === "string" ? Buffer.byteLength(value) : value?.length ?? 0;
  return length + (key?.length ?? 0) + RECORD_OVERHEAD_BYTES;
}

/** Sends batches, each until it is acknowledged, or until we are to stop. */
class Outbox {
  #publisher: Publisher | undefined;
  #recorded: Reach;
  #closed = false;
  #trouble: string | undefined;

  constructor(private readonly options: PlaceOptions, private readonly progress: Placing) {
    this.#recorded = { ...progress };
  }

  async send({ publications, end }: Batch): Promise<void> {
    if (!await this.#save({ ...this.progress, placed: end })) return;
    // Once closed, the end has been recorded: nothing may be placed or acknowledged after it.
    if (this.#closed) return;
    this.progress.placed = end;
    if (publications.length > 0 && !await this.#publish(publications)) return;
    this.options.onAcknowledged?.(publications);
    if (!this.#closed) this.progress.acknowledged = end;
  }

  /** Records what is acknowledged, if that has not been done. */
  async record(): Promise<void> {
    if (this.#recorded.acknowledged < this.progress.acknowledged) {
      await this.#save({ ...this.progress });
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#discardPublisher();
  }

  #save(reach: Reach): Promise<boolean> {
    return this.#persist(
      async () => {
        await this.options.record(reach);
        this.#recorded = reach;
      },
      (error) => error instanceof RetryableError ? error.message : undefined,
    );
  }

  #publish(publications: readonly KeyedRecord[]): Promise<boolean> {
    return this.#persist(
      async () => {
        try {
          const onDelay = (error: Error) => this.#tell(kafkaSays(error));
          this.#publisher ??= await this.options.openPublisher(onDelay);
          await this.#publisher.publish(publications);
        } catch (error) {
          await this.#discardPublisher();
          throw error;
        }
      },
      (error) => isKafkaError(error) ? kafkaSays(error) : undefined,
    );
  }

  async #discardPublisher(): Promise<void> {
    const last = this.#publisher;
    this.#publisher = undefined;
    if (last) await settlesWithin(last.close(), CLOSE_LIMIT_MS);
  }

  /** Does `work` until it succeeds; @returns false if we were to stop before */
  async #persist(
    work: () => Promise<void>,
    troubleOf: (error: unknown) => string | undefined,
  ): Promise<boolean> {
    const { onTrouble, signal } = this.options;
    while (true) {
      try {
        await work();
        if (this.#trouble !== undefined) onTrouble(this.#trouble = undefined);
        return true;
      } catch (error) {
        const reason = troubleOf(error);
        if (reason === undefined) throw error;
        this.#tell(reason);
      }
      if (signal.aborted) return false;
      await pause(RETRY_MS, signal);
    }
  }

  #tell(reason: string): void {
    if (this.#trouble === undefined) this.options.onTrouble(this.#trouble = reason);
  }
}

function kafkaSays(error: unknown): string {
  return `Kafka: ${explain(error)}`;
}

/** Waits for `work`; once `signal` has aborted, for `limitMs` at most. */
async function untilStopped(
  work: Promise<void>,
  signal: AbortSignal,
  limitMs: number,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  work.then(resolve, reject);
  const onAbort = () => void settlesWithin(work, limitMs).then(() => resolve());
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
