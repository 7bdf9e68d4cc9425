/**
 * Whose an error is: kafkajs's, the cluster's, or a bug of ours. An answer that is cut off or leaves
 * something out makes kafkajs fail with a TypeError or a RangeError, which passes. The place where it was
 * thrown tells: a handler of ours that kafkajs calls fails in our code.
 */
import { AssertionError } from "node:assert/strict";
import { UnreadableBatch } from "../protocol/unreadable.ts";
import { ProducerError } from "./error_codes.ts";
import type { KafkaAccess } from "../access.ts";

/** A frame of the runtime, such as of Buffer or of a built-in. */
const RUNTIME_FRAME = /\b(ext:|node:)|<anonymous>|\(native/;
const KAFKAJS_FRAME = /[\\/]kafkajs[\\/](\d[^\\/]*[\\/])?(src[\\/]|index\.js)/;

/** Whether the code that threw is kafkajs's. */
export function isThrownByKafkajs(error: unknown): boolean {
  if (!(error instanceof Error) || error.stack === undefined) return false;
  const thrower = error.stack.split("\n")
    .find((line) => /^\s+at /.test(line) && !RUNTIME_FRAME.test(line));
  return thrower !== undefined && KAFKAJS_FRAME.test(thrower);
}

/** How often the same error is reported. */
const REPORT_EVERY_MS = 60_000;

/**
 * Lets the process outlive exceptions of kafkajs that cannot be caught: in its timers and sockets, and in
 * promises that are not awaited. Any other uncaught exception ends the process.
 *
 * @param onError called once a minute for the same error
 * @returns stops it
 */
export function outliveKafkajs(onError: (error: Error) => void): () => void {
  const reportedAt = new Map<string, number>();
  const survive = (event: Event, error: unknown) => {
    const isKafkas = error instanceof Error &&
      (error.name.startsWith("KafkaJS") || isThrownByKafkajs(error));
    if (!isKafkas) return;
    event.preventDefault();
    const now = performance.now();
    if (now - (reportedAt.get(error.message) ?? -Infinity) < REPORT_EVERY_MS) return;
    // Messages may contain numbers: remember few.
    if (reportedAt.size > 20) reportedAt.clear();
    reportedAt.set(error.message, now);
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

/** What to do about a refusal of the cluster; error_codes.ts has those of our producer. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  INVALID_SESSION_TIMEOUT: "see SESSION_TIMEOUT_MS",
  // A client with another assignor joined first.
  INCONSISTENT_GROUP_PROTOCOL: "another application is in our consumer group; `deno task groups` " +
    "names it; give it a group of its own",
};

/** Why a call of kafkajs failed, in one line: the cause, not the count of retries. */
export function explain(error: unknown): string {
  const cause = causeOf(error);
  if (!(cause instanceof Error)) return String(cause);
  if (isThrownByKafkajs(cause) && !cause.name.startsWith("KafkaJS")) {
    return `the Kafka client does not understand an answer (${cause})`;
  }
  const { type = "" } = cause as { type?: string };
  const wayOut = cause instanceof ProducerError ? undefined : WAYS_OUT[type];
  return wayOut ? `${cause.message}; ${wayOut}` : cause.message;
}

/** Whether an error comes from the client or the cluster, and is no bug of ours. */
export function isKafkaError(error: unknown): boolean {
  return error instanceof ProducerError || error instanceof UnreadableBatch ||
    error instanceof Error && error.name.startsWith("KafkaJS") || isThrownByKafkajs(error);
}

/**
 * Whether a group has no coordinator for a moment: while Kafka creates its internal topics for the first
 * group of a cluster, and after the coordinator's broker died.
 */
export function isCoordinatorMoving(error: unknown): boolean {
  const { name, type } = (causeOf(error) ?? {}) as { name?: string; type?: string };
  return type === "GROUP_COORDINATOR_NOT_AVAILABLE" || type === "NOT_COORDINATOR_FOR_GROUP" ||
    type === "GROUP_LOAD_IN_PROGRESS" ||
    // kafkajs's name for the first of them after its own attempts.
    name === "KafkaJSGroupCoordinatorNotFound";
}

/** The innermost cause of an error; of several errors the first. */
export function causeOf(error: unknown): unknown {
  let cause = error;
  // Ours say it all themselves.
  while (cause instanceof Error && !(cause instanceof ProducerError)) {
    const [first] = (cause as Partial<AggregateError>).errors ?? [];
    const next = cause.cause ?? first;
    if (!(next instanceof Error)) break;
    cause = next;
  }
  return cause;
}

const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError, AssertionError];

/** Whether an error is a bug, rather than the fault of the input or the environment. */
export function isBug(error: unknown): boolean {
  if (isThrownByKafkajs(error)) return false;
  return !(error instanceof Error) || BUGS.some((bug) => error instanceof bug);
}

/**
 * Why a cluster cannot be used, in one line, with the setting that would change it.
 *
 * @param error of an attempt to connect, or of the first request after it
 */
export function whyUnreachable(error: unknown, access: KafkaAccess): string {
  const { tls, login } = access;
  const cause = causeOf(error);
  const why = explain(cause);
  const { name, type } = cause as { name?: string; type?: string };
  if (isRefusedLogin(cause) && login) return refusedLogin(why, login);
  if (name === "KafkaJSConnectionClosedError") {
    const wants = [
      ...tls ? [] : ["TLS (KAFKA_SSL, KAFKA_SSL_CA_FILE)"],
      ...login ? [] : ["a login (KAFKA_SASL_USERNAME)"],
    ];
    return wants.length === 0
      ? "it closes the connection"
      : `it closes the connection: does it want ${wants.join(" or ")}?`;
  }
  if (type === "ILLEGAL_SASL_STATE") {
    return "it asks for no login there: leave KAFKA_SASL_USERNAME out, or name the port that does";
  }
  if (/altnames/.test(why)) return `${why}: KAFKA_BROKERS names a host that its certificate is for`;
  if (/certificate/i.test(why)) {
    const named = tls?.caFile ? `KAFKA_SSL_CA_FILE=${tls.caFile.path}` : "KAFKA_SSL=true";
    return `${why} (${named}): KAFKA_SSL_CA_FILE names the authorities to trust`;
  }
  if (/before secure TLS connection/.test(why)) {
    return `${why}: does it speak TLS at that port (KAFKA_SSL, KAFKA_SSL_CA_FILE)?`;
  }
  // The embedded Kafka has neither TLS nor a login.
  const embedded = !tls && !login &&
    access.brokers.every((at) => /^(127\.0\.0\.1|localhost):/.test(at));
  return embedded && name === "KafkaJSConnectionError" ? "`deno task broker` starts one" : why;
}

/** Whether a broker has refused our password or our token. */
export function isRefusedLogin(error: unknown): boolean {
  const cause = causeOf(error);
  return cause instanceof Error && cause.name === "KafkaJSSASLAuthenticationError";
}

function refusedLogin(why: string, login: NonNullable<KafkaAccess["login"]>): string {
  const { mechanism, username, secret } = login;
  const user = username === "" ? "the token" : `"${username}"`;
  return `it refuses ${user} by ${mechanism.toUpperCase()} (${secret.path}): ${why}`;
}
