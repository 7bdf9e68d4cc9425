/** The Kafka client. kafkajs and its defects stay inside src/kafka. */
import type { Admin } from "kafkajs";
import type { Compression, KafkaAccess } from "../access.ts";
import { Kafka, logLevel } from "../patches/kafkajs.ts";
import { saslOf } from "./login.ts";

/** The names by which modules above src/kafka pass a client on. */
export type KafkaClient = Kafka;
export type KafkaAdmin = Admin;

/** The access rules of a cluster. */
export {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "../patches/kafkajs.ts";
export type { AclEntry } from "kafkajs";

export interface ClientOptions {
  /** How long an answer may take, milliseconds (default: 15,000). */
  readonly requestTimeoutMs?: number;
}

const REQUEST_TIMEOUT_MS = 15_000;

/**
 * A client with settings of our own:
 * - the first retry after 20 ms, not 300: a coordinator or a leader moves within a moment;
 * - no log: kafkajs logs a stack trace for each failed attempt. Its callers get every failure as an
 *   error, and log in one line that the cluster is down, or back.
 *
 * @param clientId names this process in the broker's logs and metrics
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

/** The codec for what this client writes. */
export function compressionOf(kafka: Kafka): Compression {
  return compressions.get(kafka) ?? "none";
}

/** kafkajs copies them for each connection, which reads the file. */
function tlsOptions({ caFile }: NonNullable<KafkaAccess["tls"]>) {
  if (!caFile) return true;
  return {
    get ca() {
      return [caFile.read()];
    },
  };
}

/**
 * The same list, begun at any of them: kafkajs begins with the first, and if that one does not answer all
 * processes would wait for it.
 */
function fromAnyOf(brokers: readonly string[]): string[] {
  const first = Math.floor(Math.random() * brokers.length);
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}
