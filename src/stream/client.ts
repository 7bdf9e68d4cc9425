/**
 * The Kafka client. kafkajs is walled in by this folder: its known defects, and the ways round them,
 * concern nobody else.
 */
// First: it mends modules before kafkajs loads them.
import "./mends.ts";
import { Kafka, logLevel } from "kafkajs";

export interface ClientOptions {
  /** `host:port` of some brokers of the cluster. */
  readonly brokers: readonly string[];
  /** What the broker's logs and metrics call this process. */
  readonly clientId: string;
}

/**
 * A client with the settings that the measurements asked for:
 * - the first retry after 20 ms: a transaction that follows closely on another is told
 *   CONCURRENT_TRANSACTIONS until the last one's markers are written, and each such answer costs one
 *   retry; with the default of 300 ms small transactions take ten times as long;
 * - no log of its own: kafkajs logs a stack trace for each failed attempt. Every failure reaches its
 *   caller as an error; the callers say in one line that the cluster is gone, or back.
 */
export function createClient(options: ClientOptions): Kafka {
  return new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    retry: { initialRetryTime: 20, maxRetryTime: 1_000, multiplier: 1.6, retries: 8 },
    logLevel: logLevel.NOTHING,
    logCreator: () => () => {},
  });
}

/**
 * One line of why a kafkajs call failed, for people: the cause, not the count of retries; of several
 * causes the first.
 */
export function explain(error: unknown): string {
  let cause = error;
  while (cause instanceof Error) {
    const [first] = (cause as Partial<AggregateError>).errors ?? [];
    const next = cause.cause ?? first;
    if (!(next instanceof Error)) break;
    cause = next;
  }
  return cause instanceof Error ? cause.message : String(cause);
}

/** Whether an error came from the client or the cluster, rather than from a bug of ours. */
export function isKafkaError(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith("KafkaJS");
}
