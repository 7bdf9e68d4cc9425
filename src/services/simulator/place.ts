/**
 * Places orders: makes those that are due, publishes them in batches, one after the other, and records
 * after each how many are acknowledged; that is always a prefix of the run.
 *
 * A batch that is not acknowledged is kept and sent again through a new publisher, until it is, or
 * until we are to stop. The cluster may then hold some of its orders twice; the validator sorts that
 * out. The next batch is made while one is on its way.
 */
import { pause, settlesWithin } from "../../runtime/stop.ts";
import { Unavailable } from "../../store/database.ts";
import { explain, isKafkaError } from "../../stream/client.ts";
import type { Publication, Publisher } from "../../stream/publisher.ts";
import type { OrderMaker } from "./make_order.ts";
import type { Pace } from "./pace.ts";

export interface PlaceOptions {
  readonly pace: Pace;
  readonly makeOrder: OrderMaker;
  readonly openPublisher: () => Promise<Publisher>;
  /** Called after each acknowledged batch. @throws {Unavailable} is tried again */
  readonly acknowledge: (count: number) => Promise<void>;
  /** Most orders in a batch. */
  readonly maxBatch: number;
  readonly signal: AbortSignal;
  /** Once `signal` has aborted: how long the batch on its way may still take. */
  readonly drainTimeoutMs: number;
  /** Told why nothing moves, and `undefined` when it does again; once for each change. */
  readonly onTrouble: (reason: string | undefined) => void;
}

export interface Placing {
  /** Orders that were made and handed to the publisher. */
  placed: number;
  /** Of these, how many the cluster has acknowledged, and it is recorded. */
  acknowledged: number;
}

/** Orders that are due within this time go together. */
const LINGER_MS = 10;
/** Pause before a batch is sent, or a count recorded, again. */
const RETRY_MS = 500;
const CLOSE_LIMIT_MS = 2_000;
/** A cluster refuses batches of more than 1 MiB, and all of a batch may go to one partition. */
const MAX_BATCH_BYTES = 768 * 1024;
/** What a record takes beside its key and value: the header, lengths, its place in the batch. */
const RECORD_OVERHEAD_BYTES = 96;

interface Batch {
  readonly publications: readonly Publication[];
  /** The sequence number after its last one. */
  readonly end: number;
}

/**
 * Places all orders of `pace`, or until `signal` aborts.
 *
 * @param progress is kept up to date
 */
export async function placeOrders(options: PlaceOptions, progress: Placing): Promise<void> {
  const { pace, makeOrder, maxBatch, signal, drainTimeoutMs } = options;
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  const elapsedMs = () => performance.now() - startedAt;
  const outbox = createOutbox(options, progress);

  function makeBatch(first: number, end: number): Batch {
    const publications: Publication[] = [];
    let bytes = 0;
    for (let n = first; n < end && bytes < MAX_BATCH_BYTES; n++) {
      const order = makeOrder(n, startedAtMs + (pace.dueAtMs(n) ?? elapsedMs()));
      bytes += (order.value?.length ?? 0) + (order.key?.length ?? 0) + RECORD_OVERHEAD_BYTES;
      publications.push(order);
    }
    return { publications, end: first + publications.length };
  }

  let onItsWay: Promise<void> = Promise.resolve();
  try {
    while (!signal.aborted && progress.placed < pace.total && !pace.over(elapsedMs())) {
      const first = progress.placed;
      const due = Math.min(pace.due(elapsedMs()), first + maxBatch);
      if (due <= first) {
        const waitMs = pace.dueAtMs(first)! - elapsedMs();
        await pause(Math.max(waitMs, LINGER_MS), signal);
        continue;
      }
      const batch = makeBatch(first, due);
      await untilStopped(onItsWay, signal, drainTimeoutMs);
      if (signal.aborted) break;
      progress.placed = batch.end;
      onItsWay = outbox.send(batch);
      // Whoever awaits it next gets the error; until then nobody misses it.
      onItsWay.catch(() => {});
    }
    await untilStopped(onItsWay, signal, drainTimeoutMs);
  } finally {
    await outbox.close();
  }
}

/** Sends batches, each until it is acknowledged and that is recorded, or until we are to stop. */
function createOutbox(options: PlaceOptions, progress: Placing) {
  const { openPublisher, acknowledge, onTrouble, signal } = options;
  let publisher: Publisher | undefined;
  let trouble: string | undefined;

  /** Does `work` until it succeeds; @returns false if we were to stop before */
  async function persist(
    work: () => Promise<void>,
    troubleOf: (error: unknown) => string | undefined,
  ): Promise<boolean> {
    while (true) {
      try {
        await work();
        if (trouble !== undefined) onTrouble(trouble = undefined);
        return true;
      } catch (error) {
        const reason = troubleOf(error);
        if (reason === undefined) throw error;
        if (trouble === undefined) onTrouble(trouble = reason);
      }
      if (signal.aborted) return false;
      await pause(RETRY_MS, signal);
    }
  }

  async function close(): Promise<void> {
    const last = publisher;
    publisher = undefined;
    if (last) await settlesWithin(last.close(), CLOSE_LIMIT_MS);
  }

  return {
    async send({ publications, end }: Batch): Promise<void> {
      const sent = await persist(
        async () => {
          try {
            publisher ??= await openPublisher();
            await publisher.publish(publications);
          } catch (error) {
            await close();
            throw error;
          }
        },
        (error) => isKafkaError(error) ? `Kafka: ${explain(error)}` : undefined,
      );
      if (!sent) return;
      const recorded = await persist(
        () => acknowledge(end),
        (error) => error instanceof Unavailable ? error.message : undefined,
      );
      if (recorded) progress.acknowledged = end;
    },
    close,
  };
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
