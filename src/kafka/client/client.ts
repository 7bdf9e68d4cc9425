/**
 * The Kafka client. kafkajs is walled in by this folder: its known defects, and the ways round them,
 * concern nobody else.
 */
import type { Admin } from "kafkajs";
import type { Compression, KafkaAccess } from "../access.ts";
import { Kafka, logLevel } from "../patches/kafkajs.ts";
import { saslOf } from "./login.ts";

/** For those above src/kafka, who hand it on, and know no kafkajs. */
export type KafkaClient = Kafka;
export type KafkaAdmin = Admin;

/** Rights of users, as they are given to the cluster. */
export {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "../patches/kafkajs.ts";
export type { AclEntry } from "kafkajs";

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
