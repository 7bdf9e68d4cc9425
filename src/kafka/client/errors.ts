/**
 * Errors of kafkajs that do not say so: what a cluster answers, or leaves out, makes it fail with a
 * TypeError or a RangeError of its own, which is no bug of ours, and passes.
 *
 * Where an error was thrown tells: a handler of ours that kafkajs calls fails in our code.
 */
/**
 * Calls a handler as often as it takes, within bounds, and sorts its failures:
 *
 * - RetryableError (a database, a gateway): tried again with growing pauses; then passed on, for the
 *   partition to be paused. Nothing is skipped.
 * - a bug (TypeError, a failed assertion): passed on at once; the process ends with a clear log, and
 *   whoever supervises it starts it again.
 * - anything else, such as a value that the database refuses: the batch is halved until the message is
 *   found that fails alone; that one is a dead letter, the others go on.
 */
import { AssertionError } from "node:assert/strict";
import { UnreadableBatch } from "../protocol/unreadable.ts";
import { ProducerError } from "./error_codes.ts";

/** A frame of the runtime's own, such as of Buffer or of a built-in. */
const RUNTIME_FRAME = /\b(ext:|node:)|<anonymous>|\(native/;
const KAFKAJS_FRAME = /[\\/]kafkajs[\\/](\d[^\\/]*[\\/])?(src[\\/]|index\.js)/;

/** Whether the code that threw is kafkajs's. */
export function isThrownByKafkajs(error: unknown): boolean {
  if (!(error instanceof Error) || error.stack === undefined) return false;
  const thrower = error.stack.split("\n")
    .find((line) => /^\s+at /.test(line) && !RUNTIME_FRAME.test(line));
  return thrower !== undefined && KAFKAJS_FRAME.test(thrower);
}

/** How often the same is told. */
const TELL_EVERY_MS = 60_000;

/**
 * Lets the process go on after what kafkajs throws where nobody can catch it: in its timers and
 * sockets, and in promises that nobody awaits. Everything else ends it, as before.
 *
 * @param onError told of each error, once a minute
 * @returns ends it
 */
export function outliveKafkajs(onError: (error: Error) => void): () => void {
  const toldAt = new Map<string, number>();
  const survive = (event: Event, error: unknown) => {
    const isKafkas = error instanceof Error &&
      (error.name.startsWith("KafkaJS") || isThrownByKafkajs(error));
    if (!isKafkas) return;
    event.preventDefault();
    const now = performance.now();
    if (now - (toldAt.get(error.message) ?? -Infinity) < TELL_EVERY_MS) return;
    // Messages may hold numbers: few are remembered.
    if (toldAt.size > 20) toldAt.clear();
    toldAt.set(error.message, now);
    onError(error);
  };
  const onRejection = (event: PromiseRejectionEvent) => survive(event, event.reason);
  const onUncaught = (event: ErrorEvent) => survive(event, event.error);
  addEventListener("unhandledrejection", onRejection);
  addEventListener("error", onUncaught);
  return () => {
    removeEventListener("unhandledrejection", onRejection);
    removeEventListener("error", onUncaught);
  };
}

/** What would change a refusal of the cluster's; for those of our producer see error_codes.ts. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  INVALID_SESSION_TIMEOUT: "see SESSION_TIMEOUT_MS",
  // A client with other rules than ours was there first.
  INCONSISTENT_GROUP_PROTOCOL: "another application is in our consumer group; `deno task groups` " +
    "names it; give it a group of its own",
};

/** One line of why a kafkajs call failed, for people: the cause, not the count of retries. */
export function explain(error: unknown): string {
  const cause = causeOf(error);
  if (!(cause instanceof Error)) return String(cause);
  if (isThrownByKafkajs(cause) && !cause.name.startsWith("KafkaJS")) {
    return `the Kafka client cannot make anything of an answer (${cause})`;
  }
  const { type = "" } = cause as { type?: string };
  const wayOut = cause instanceof ProducerError ? undefined : WAYS_OUT[type];
  return wayOut ? `${cause.message}; ${wayOut}` : cause.message;
}

/** Whether an error came from the client or the cluster, rather than from a bug of ours. */
export function isKafkaError(error: unknown): boolean {
  return error instanceof ProducerError || error instanceof UnreadableBatch ||
    error instanceof Error && error.name.startsWith("KafkaJS") || isThrownByKafkajs(error);
}

/**
 * Whether a group's coordinator is on its way: on a cluster that has had no group yet, for the second
 * or two in which Kafka makes its internal topics, and after its broker is gone.
 */
export function isCoordinatorMoving(error: unknown): boolean {
  const { name, type } = (causeOf(error) ?? {}) as { name?: string; type?: string };
  return type === "GROUP_COORDINATOR_NOT_AVAILABLE" || type === "NOT_COORDINATOR_FOR_GROUP" ||
    type === "GROUP_LOAD_IN_PROGRESS" ||
    // What kafkajs makes of the first of them when its own attempts are used up.
    name === "KafkaJSGroupCoordinatorNotFound";
}

/** The first cause of an error; of several at once the first. */
export function causeOf(error: unknown): unknown {
  let cause = error;
  // Ours say all that there is to say.
  while (cause instanceof Error && !(cause instanceof ProducerError)) {
    const [first] = (cause as Partial<AggregateError>).errors ?? [];
    const next = cause.cause ?? first;
    if (!(next instanceof Error)) break;
    cause = next;
  }
  return cause;
}

const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError, AssertionError];

/** Whether an error means that the program is wrong, rather than its input or its surroundings. */
export function isBug(error: unknown): boolean {
  if (isThrownByKafkajs(error)) return false;
  return !(error instanceof Error) || BUGS.some((bug) => error instanceof bug);
}
