/**
 * The retry policy of a handler, by what it throws:
 *
 * - RetryableError (a database, a gateway): tried again with growing pauses; then passed on, for the
 *   partition to be paused. Nothing is skipped.
 * - a bug (TypeError, a failed assertion): passed on at once; the process ends with a clear log, and
 *   whoever supervises it starts it again.
 * - anything else, such as a value that the database refuses: the batch is halved until the poison
 *   record is found, which fails alone; that one is a dead letter, the others go on.
 */
import { ExponentialBackoff, handleType, type IBackoffFactory, retry } from "cockatiel";
import { RetryableError } from "../../runtime/errors.ts";
import { isBug } from "../client/errors.ts";
import type { EventRecord, Handler, HandlerResult } from "./handler.ts";
import type { DeadLetter } from "../records.ts";

/** Attempts for a batch whose handler says RetryableError, before its partition is paused. */
const ATTEMPTS = 6;

const BACKOFF = new ExponentialBackoff({ initialDelay: 50, maxDelay: 2_000 });

/**
 * @param signal gives up between attempts when it aborts
 * @param backoff the pauses between attempts
 * @param before how often these messages were tried already, in a larger batch
 * @returns its dead letters say how often they were tried
 * @throws {RetryableError} after the last attempt; and whatever is a bug
 */
export async function handleWithRetries(
  handler: Handler,
  batch: readonly EventRecord[],
  signal: AbortSignal,
  backoff: IBackoffFactory<unknown> = BACKOFF,
  before = 0,
): Promise<HandlerResult> {
  let attempts = before;
  const policy = retry(handleType(RetryableError), { maxAttempts: ATTEMPTS - 1, backoff });
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
        handleWithRetries(handler, half, signal, backoff, attempts);
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
