/**
 * The login of a connection. Every login reads the file with the password or the token, and there is one
 * at each connection and before the broker ends a session (patches/login.ts): so a rotated secret is
 * used from the next login on.
 */
import type { AuthenticationProviderArgs, Authenticator, Mechanism } from "kafkajs";
import { Buffer } from "node:buffer";
import type { Login, SaslMechanism } from "../access.ts";
import { require } from "../patches/replace_module.ts";

type Password = { readonly username: string; readonly password: string };
type PasswordProvider = (login: Password) => (args: AuthenticationProviderArgs) => Authenticator;

const BY_PASSWORD: Record<Exclude<SaslMechanism, "oauthbearer">, string> = {
  "plain": "plain",
  "scram-sha-256": "scram256",
  "scram-sha-512": "scram512",
};

export function saslOf(login: Login): Mechanism {
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
