/**
 * The Kafka client. kafkajs is walled in by this folder: its known defects, and the ways round them,
 * concern nobody else.
 */
// First: it mends modules before kafkajs loads them.
import "../patches/patches.ts";
import { Kafka, logLevel } from "kafkajs";
import type { Compression, KafkaAccess } from "./access.ts";
import { isThrownByKafkajs } from "./errors.ts";
import { saslOf } from "./login.ts";
import { ProducerError } from "./error_codes.ts";
import { UnreadableBatch } from "../records/unreadable.ts";

export interface ClientOptions {
  /** How long an answer may take: 15,000 unless said. */
  readonly requestTimeoutMs?: number;
}

const REQUEST_TIMEOUT_MS = 15_000;

/**
 * A client with settings of our own:
 * - the first retry after 20 ms, not 300: a coordinator or a leader that moves is back in a moment;
 * - no log of its own: kafkajs logs a stack trace for each failed attempt. Every failure reaches its
 *   caller as an error; the callers say in one line that the cluster is gone, or back.
 *
 * @param clientId what the broker's logs and metrics call this process
 */
export function createClient(
  { brokers, tls, login, compression = "none" }: KafkaAccess,
  clientId: string,
  { requestTimeoutMs = REQUEST_TIMEOUT_MS }: ClientOptions = {},
): Kafka {
  const kafka = new Kafka({
    brokers: fromAnyOf(brokers),
    clientId,
    ...tls && { ssl: tlsOptions(tls) },
    ...login && { sasl: saslOf(login) },
    connectionTimeout: 3_000,
    requestTimeout: requestTimeoutMs,
    retry: { initialRetryTime: 20, maxRetryTime: 1_000, multiplier: 1.6, retries: 8 },
    logLevel: logLevel.NOTHING,
    logCreator: () => () => {},
  });
  compressions.set(kafka, compression);
  return kafka;
}

const compressions = new WeakMap<Kafka, Compression>();

/** How what a client writes is compressed. */
export function compressionOf(kafka: Kafka): Compression {
  return compressions.get(kafka) ?? "none";
}

/** kafkajs copies them for each connection: the file is read then. */
function tlsOptions({ caFile }: NonNullable<KafkaAccess["tls"]>) {
  if (!caFile) return true;
  return {
    get ca() {
      return [caFile.read()];
    },
  };
}

/**
 * The same in turn, begun anywhere: kafkajs begins with the first, and all processes would wait for the
 * same broker when that one does not answer.
 */
function fromAnyOf(brokers: readonly string[]): string[] {
  const first = Math.floor(Math.random() * brokers.length);
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}

/** What would change a refusal of the cluster's; for those of our producer see errors.ts. */
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
