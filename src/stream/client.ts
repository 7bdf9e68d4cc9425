/**
 * The Kafka client. kafkajs is walled in by this folder: its known defects, and the ways round them,
 * concern nobody else.
 */
// First: it mends modules before kafkajs loads them.
import "./mends.ts";
import { Kafka, logLevel } from "kafkajs";
import type { KafkaAccess } from "../runtime/settings.ts";
import { ProducerError } from "./producer/errors.ts";

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
  { brokers, caPem, login }: KafkaAccess,
  clientId: string,
  { requestTimeoutMs = REQUEST_TIMEOUT_MS }: ClientOptions = {},
): Kafka {
  return new Kafka({
    brokers: fromAnyOf(brokers),
    clientId,
    ...caPem && { ssl: { ca: [caPem] } },
    ...login && { sasl: { mechanism: "scram-sha-512", ...login } },
    connectionTimeout: 3_000,
    requestTimeout: requestTimeoutMs,
    retry: { initialRetryTime: 20, maxRetryTime: 1_000, multiplier: 1.6, retries: 8 },
    logLevel: logLevel.NOTHING,
    logCreator: () => () => {},
  });
}

/**
 * The same in turn, begun anywhere: kafkajs begins with the first, and all processes would wait for the
 * same broker when that one does not answer.
 */
function fromAnyOf(brokers: readonly string[]): string[] {
  const first = Math.floor(Math.random() * brokers.length);
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}

/** One line of why a kafkajs call failed, for people: the cause, not the count of retries. */
export function explain(error: unknown): string {
  const cause = causeOf(error);
  if (!(cause instanceof Error)) return String(cause);
  // A client with other rules than ours was there first.
  return (cause as { type?: string }).type === "INCONSISTENT_GROUP_PROTOCOL"
    ? `${cause.message}: another application is in our consumer group; \`deno task groups\` names ` +
      "it; give it a group of its own"
    : cause.message;
}

/** Whether an error came from the client or the cluster, rather than from a bug of ours. */
export function isKafkaError(error: unknown): boolean {
  return error instanceof ProducerError ||
    error instanceof Error && error.name.startsWith("KafkaJS");
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

/** Why a broker that is there does not let us in; undefined when it just does not answer. */
export function refusal(error: unknown): string | undefined {
  const cause = causeOf(error);
  if (!(cause instanceof Error)) return undefined;
  if (cause.name === "KafkaJSConnectionClosedError") {
    return "it closes the connection: does it want TLS (KAFKA_SSL_CA_FILE) or a login " +
      "(KAFKA_SASL_USERNAME)?";
  }
  const refused = cause.name === "KafkaJSSASLAuthenticationError" ||
    /certificate|TLS/.test(cause.message);
  return refused ? cause.message : undefined;
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
