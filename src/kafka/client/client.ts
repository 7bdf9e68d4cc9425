/** The Kafka client. kafkajs and its defects stay inside src/kafka. */
import type { Admin, AuthenticationProviderArgs, Authenticator, Mechanism } from "kafkajs";
import type { Compression, KafkaAccess, Login, SaslMechanism } from "../access.ts";
import { Kafka, logLevel } from "../patches/kafkajs.ts";
import type { ClusterSource } from "./cluster.ts";
import { Buffer } from "node:buffer";
import { require } from "../patches/replace_module.ts";

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

interface ClientOptions {
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
export function compressionOf(kafka: ClusterSource): Compression {
  return "compression" in kafka ? kafka.compression : compressions.get(kafka) ?? "none";
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

// The login of a connection. Every login reads the file with the password or the token, and there is one
// at each connection and before the broker ends a session (patches/connection.ts): so a rotated secret is
// used from the next login on.

type Password = { readonly username: string; readonly password: string };
type PasswordProvider = (login: Password) => (args: AuthenticationProviderArgs) => Authenticator;

const BY_PASSWORD: Record<Exclude<SaslMechanism, "oauthbearer">, string> = {
  "plain": "plain",
  "scram-sha-256": "scram256",
  "scram-sha-512": "scram512",
};

function saslOf(login: Login): Mechanism {
  return {
    mechanism: login.mechanism.toUpperCase(),
    authenticationProvider: (args) => ({ authenticate: () => authenticate(login, args) }),
  };
}

async function authenticate(
  { mechanism, username, secret, extensions }: Login,
  args: AuthenticationProviderArgs,
): Promise<void> {
  const text = readSecret(secret);
  if (mechanism === "oauthbearer") return await presentToken(text, extensions, args);
  const module = `kafkajs/src/broker/saslAuthenticator/${BY_PASSWORD[mechanism]}.js`;
  const provider = require(module) as PasswordProvider;
  await provider({ username, password: text })(args).authenticate();
}

function readSecret(secret: Login["secret"]): string {
  try {
    return secret.read();
  } catch (error) {
    throw loginError("the secret cannot be read", error);
  }
}

/**
 * RFC 7628. The server first answers a refused token with the reason, which the client has to acknowledge
 * before the login fails. kafkajs takes the reason for success, and the next request finds the connection
 * closed.
 */
async function presentToken(
  token: string,
  extensions: string | undefined,
  { saslAuthenticate }: AuthenticationProviderArgs,
): Promise<void> {
  const say = async (message: string) =>
    await saslAuthenticate({
      request: { encode: () => withLength(message) },
      response: { decode: (bytes) => bytes, parse: (bytes) => bytes.subarray(4).toString() },
    });
  try {
    const pairs = [`auth=Bearer ${token}`, ...extensions ? extensions.split(",") : []];
    const reason = await say(`n,,\x01${pairs.join("\x01")}\x01\x01`);
    if (!reason) return;
    await say("\x01");
    throw new Error(reason);
  } catch (error) {
    const expired = expiryOf(token);
    throw loginError((error as Error).message + (expired ? `; it expired at ${expired}` : ""));
  }
}

/** Preceded by its length, as kafkajs wants it. */
function withLength(message: string): Buffer {
  const bytes = Buffer.alloc(4 + message.length);
  bytes.writeInt32BE(message.length);
  bytes.write(message, 4, "latin1");
  return bytes;
}

/** When a JSON Web Token expired; undefined when it did not, or is none. */
function expiryOf(token: string): string | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
    const expiryMs = Number(claims.exp) * 1_000;
    return expiryMs < Date.now() ? new Date(expiryMs).toISOString() : undefined;
  } catch {
    return undefined;
  }
}

function loginError(message: string, cause?: unknown): Error {
  const { KafkaJSSASLAuthenticationError } = require("kafkajs/src/errors.js");
  return new KafkaJSSASLAuthenticationError(message, { cause });
}

/**
 * What is asked of a cluster once, by an admin that is connected for it.
 *
 * @throws what `work` throws; or no broker answers
 */
export async function withAdmin<T>(
  kafka: KafkaClient,
  work: (admin: KafkaAdmin) => Promise<T>,
): Promise<T> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** How many members a consumer group has. */
export function groupSize(kafka: KafkaClient, group: string): Promise<number> {
  return withAdmin(kafka, async (admin) => {
    const { groups } = await admin.describeGroups([group]);
    return groups[0]?.members.length ?? 0;
  });
}
