/**
 * The retry policy of a handler, by what it throws:
 *
 * - RetryableError (a database, a gateway): tried again with growing pauses; then passed on, for the
 *   partition to be paused. Nothing is skipped.
 * - a bug (TypeError, a failed assertion): passed on at once; the process ends with a clear log, and
 *   its supervisor restarts it.
 * - anything else, such as a value that the database refuses: the batch is halved until the poison
 *   record is found, which fails alone; that one is a dead letter, the others go on.
 */
import { ExponentialBackoff, handleType, type IBackoffFactory, retry } from "cockatiel";
import { RetryableError } from "../../runtime/errors.ts";
import { explain, isBug } from "../client/errors.ts";
import type { EventRecord, Handler, HandlerResult } from "./handler.ts";
import type { DeadLetter } from "../records.ts";
import { ProducerError } from "../client/error_codes.ts";
import { UnreadableBatch } from "../protocol/unreadable.ts";
import { PausedPartition } from "./assignment.ts";

/** Attempts for a batch whose handler says RetryableError, before its partition is paused. */
const ATTEMPTS = 6;

interface RetryOptions {
  /** The pauses between attempts (default: 50 ms to 2 s). */
  readonly backoff?: IBackoffFactory<unknown>;
  /** Called before each further attempt. */
  readonly onRetry?: () => void;
}

const BACKOFF = new ExponentialBackoff({ initialDelay: 50, maxDelay: 2_000 });

/**
 * @param signal gives up between attempts when it aborts
 * @param before how often these messages were tried already, in a larger batch
 * @returns its dead letters say how often they were tried
 * @throws {RetryableError} after the last attempt; and whatever is a bug
 */
export async function handleWithRetries(
  handler: Handler,
  batch: readonly EventRecord[],
  signal: AbortSignal,
  options: RetryOptions = {},
  before = 0,
): Promise<HandlerResult> {
  const { backoff = BACKOFF, onRetry } = options;
  let attempts = before;
  const policy = retry(handleType(RetryableError), { maxAttempts: ATTEMPTS - 1, backoff });
  if (onRetry) policy.onRetry(onRetry);
  try {
    const { events, deadLetters } = await policy.execute(() => {
      attempts++;
      return handler(batch);
    }, signal);
    return { events, deadLetters: deadLetters?.map((each) => ({ ...each, attempts })) };
  } catch (error) {
    if (error instanceof RetryableError || isBug(error)) throw error;
    if (signal.aborted) throw new RetryableError("given up: the partition is being revoked");
    if (batch.length > 1) {
      const middle = batch.length >> 1;
      const handle = (half: readonly EventRecord[]) =>
        handleWithRetries(handler, half, signal, options, attempts);
      const first = await handle(batch.slice(0, middle));
      const second = await handle(batch.slice(middle));
      return {
        events: [...first.events, ...second.events],
        deadLetters: [...first.deadLetters ?? [], ...second.deadLetters ?? []],
      };
    }
    return { events: [], deadLetters: batch.map((message) => failed(message, error, attempts)) };
  }
}

function failed(
  { topic, partition, raw }: EventRecord,
  error: unknown,
  attempts: number,
): DeadLetter {
  const detail = error instanceof Error ? error.message : String(error);
  return {
    topic,
    partition,
    raw,
    fault: { reason: "processing_failed", detail: detail.slice(0, 300) },
    attempts,
  };
}

// Which partitions are failing, why, and how long each is to pause before it is tried again. The first
// failures in a row are no news: an owner changed, or a broker was restarted. One that goes on failing
// (a topic that is gone) is reported, and tried less and less often. Reported at once is what only a
// person can cure (a missing right, a batch that is too large), and what was repeated until its time was
// over.

const QUIET_FAILURES = 4;
/** After a failed transaction; each time twice as long as the time before. */
const PAUSE_MS = { first: 100, most: 3_000 };
/** Until something else has happened: a database that answers again, another leader, a person. */
const LONG_PAUSE_MS = 3_000;

interface Failures {
  /** In a row. */
  readonly count: number;
  /** For people; undefined while it is no news. */
  readonly why: string | undefined;
  /** It could not be assigned; and there may be nothing to read. */
  readonly inAssignment: boolean;
}

export class PartitionFailures {
  readonly #byPartition = new Map<string, Failures>();
  #lateCommit: string | undefined;

  /**
   * @param partition such as `orders.raw/3`
   * @param during what was to be done
   * @returns how long it should pause, milliseconds
   */
  add(partition: string, error: unknown, during: "batch" | "assignment" = "batch"): number {
    const count = (this.#byPartition.get(partition)?.count ?? 0) + 1;
    const inAssignment = during === "assignment" || error instanceof PausedPartition;
    const isLong = error instanceof RetryableError || error instanceof PausedPartition ||
      error instanceof UnreadableBatch;
    if (isLong) {
      this.#byPartition.set(partition, { count, why: error.message, inAssignment });
      return LONG_PAUSE_MS;
    }
    const hopeless = error instanceof ProducerError && error.remedy === "end";
    const isLate = error instanceof ProducerError && error.type === "DELIVERY_TIMEOUT";
    const why = hopeless || isLate || count > QUIET_FAILURES
      ? `${partition} is failing: ${explain(error)}`
      : undefined;
    this.#byPartition.set(partition, { count, why, inAssignment });
    if (hopeless) return PAUSE_MS.most;
    return Math.min(PAUSE_MS.most, PAUSE_MS.first * 2 ** (count - 1));
  }

  /** What kept it from being assigned is over; what happens to a batch is another matter. */
  assigned(partition: string): void {
    if (this.#byPartition.get(partition)?.inAssignment) this.#byPartition.delete(partition);
  }

  /**
   * The member's commit is late; or is not, or no longer.
   *
   * @returns whether that is news
   */
  late(why: ProducerError | undefined): boolean {
    const before = this.#lateCommit;
    this.#lateCommit = why && `waiting for a commit: ${explain(why)}`;
    return this.#lateCommit !== before;
  }

  /** It works, or is another member's. */
  clear(partition: string): void {
    this.#byPartition.delete(partition);
  }

  /** Why some partition is failing; undefined when none is, or has only just begun to. */
  get why(): string | undefined {
    for (const { why } of this.#byPartition.values()) if (why !== undefined) return why;
    return this.#lateCommit;
  }
}
