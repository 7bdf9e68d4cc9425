/** Why a cluster cannot be used, in words, with the setting that would change it. */
import type { KafkaAccess } from "../access.ts";
import { causeOf, explain } from "./errors.ts";

/** One line. @param error of an attempt to connect, or of the first request after it */
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
