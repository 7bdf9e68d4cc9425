/** Where Kafka is, how the way to it is encrypted, and who we are there. */
import { X509Certificate } from "node:crypto";
import {
  choice,
  type Config,
  flag,
  hosts,
  type Setting,
  string,
  type TextFile,
  textFile,
} from "../runtime/setting.ts";
import type { Logger } from "../runtime/log.ts";

export const SASL_MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"] as const;
export type SaslMechanism = typeof SASL_MECHANISMS[number];

const saslMechanism: Setting<SaslMechanism> = {
  env: "KAFKA_SASL_MECHANISM",
  fallback: "scram-sha-512",
  help: `how the login is proved: ${SASL_MECHANISMS.join(", ")}`,
  // Kafka writes them in capitals.
  read(text) {
    const word = SASL_MECHANISMS.find((mechanism) => mechanism === text.toLowerCase());
    if (!word) throw new Error(`one of ${SASL_MECHANISMS.join(", ")}`);
    return word;
  },
};

export const accessSettings = {
  brokers: hosts({
    env: "KAFKA_BROKERS",
    fallback: "127.0.0.1:9092",
    help: "Kafka's address, host:port or [IPv6]:port; several separated by commas",
  }),
  ssl: flag({
    env: "KAFKA_SSL",
    fallback: "false",
    help: "TLS, with the authorities that this system trusts (SSL_CERT_FILE names others) and " +
      "Mozilla's; DENO_TLS_CA_STORE=system, or mozilla: only those",
  }),
  caFile: textFile({
    env: "KAFKA_SSL_CA_FILE",
    fallback: "",
    isSound: areCertificates,
    expected: "a file of PEM certificates",
    help: "TLS, with these authorities and no others: a PEM file, read again for each connection",
  }),
  saslMechanism,
  saslUsername: string({
    env: "KAFKA_SASL_USERNAME",
    fallback: "",
    help: "who we are to Kafka; empty: no login by name and password",
  }),
  passwordFile: textFile({
    env: "KAFKA_SASL_PASSWORD_FILE",
    fallback: "",
    isSound: (text) => /^.+$/.test(text),
    expected: "a file of one line with the password",
    help: "the file with the password of KAFKA_SASL_USERNAME, read again for each login",
  }),
  tokenFile: textFile({
    env: "KAFKA_SASL_TOKEN_FILE",
    fallback: "",
    isSound: (text) => /^[\x21-\x7e]+$/.test(text),
    expected: "a file of one line with the token",
    help: "with oauthbearer the file with the token, read again for each login",
  }),
  saslExtensions: string({
    env: "KAFKA_SASL_EXTENSIONS",
    fallback: "",
    pattern: /^([A-Za-z]+=[\x21-\x2b\x2d-\x7e]+(,[A-Za-z]+=[\x21-\x2b\x2d-\x7e]+)*)?$/,
    expected: "name=value, several separated by commas",
    help:
      "with oauthbearer what the broker wants beside the token: name=value, several separated " +
      "by commas",
  }),
};

export type AccessConfig = Config<typeof accessSettings>;
/** All but where it is. */
export type SecurityConfig = Omit<AccessConfig, "brokers">;

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Deno passes over those that it cannot read. */
function areCertificates(text: string): boolean {
  try {
    const certificates = text.match(PEM_CERTIFICATE) ?? [];
    return certificates.map((pem) => new X509Certificate(pem)).length > 0;
  } catch {
    return false;
  }
}

/** Kafka's codecs, in the order of their numbers. */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type Compression = typeof COMPRESSIONS[number];

/** What every process has that writes messages. */
export const compressionSettings = {
  compression: choice({
    env: "COMPRESSION",
    fallback: "none",
    words: COMPRESSIONS,
    help: `how messages are written: ${COMPRESSIONS.join(", ")}; all of them are read`,
  }),
};

/** How to reach a cluster. Files are read again for each connection, so that they may change. */
export interface KafkaAccess {
  /** `host:port` of some brokers of the cluster. */
  readonly brokers: readonly string[];
  /** Absent: no TLS. Without a file the authorities are those that Deno trusts. */
  readonly tls?: { readonly caFile?: TextFile | undefined } | undefined;
  /** Absent: no login. */
  readonly login?: Login | undefined;
  /** How what is written is compressed; absent: not at all. */
  readonly compression?: Compression | undefined;
}

export interface Login {
  readonly mechanism: SaslMechanism;
  /** Empty with `oauthbearer`: the token says who it is. */
  readonly username: string;
  /** The password, or the token. */
  readonly secret: TextFile;
  /** With `oauthbearer`: `name=value`, several separated by commas. */
  readonly extensions?: string;
}

/** The access that the settings describe, once `accessChecks` have found nothing. */
export function kafkaAccess(
  config: AccessConfig & Partial<Config<typeof compressionSettings>>,
): KafkaAccess {
  const { brokers, ssl, caFile, saslMechanism: mechanism, saslUsername: username } = config;
  const { saslExtensions: extensions } = config;
  const secret = mechanism === "oauthbearer" ? config.tokenFile : config.passwordFile;
  return {
    brokers,
    tls: ssl || caFile ? { caFile } : undefined,
    login: secret && { mechanism, username, secret, extensions },
    compression: config.compression,
  };
}

/** The same as environment variables for another process; an empty one hides what `.env` says. */
export function accessVariables(
  brokers: readonly string[],
  config?: SecurityConfig,
): Record<string, string> {
  return {
    KAFKA_BROKERS: brokers.join(),
    KAFKA_SSL: config?.ssl ? "true" : "",
    KAFKA_SSL_CA_FILE: config?.caFile?.path ?? "",
    KAFKA_SASL_MECHANISM: config?.saslMechanism ?? "",
    KAFKA_SASL_USERNAME: config?.saslUsername ?? "",
    KAFKA_SASL_PASSWORD_FILE: config?.passwordFile?.path ?? "",
    KAFKA_SASL_TOKEN_FILE: config?.tokenFile?.path ?? "",
    KAFKA_SASL_EXTENSIONS: config?.saslExtensions ?? "",
  };
}

/** What a login lacks, or has too much of: each finds one fault. */
export const accessChecks: readonly ((config: SecurityConfig) => string | undefined)[] = [
  ({ saslMechanism, saslUsername, passwordFile }) =>
    saslMechanism !== "oauthbearer" && saslUsername !== "" && !passwordFile
      ? `KAFKA_SASL_USERNAME: "${saslUsername}" needs KAFKA_SASL_PASSWORD_FILE, which is empty`
      : undefined,
  ({ saslMechanism, saslUsername, passwordFile }) =>
    saslMechanism !== "oauthbearer" && saslUsername === "" && passwordFile
      ? "KAFKA_SASL_PASSWORD_FILE: a password needs KAFKA_SASL_USERNAME, which is empty"
      : undefined,
  ({ saslMechanism, saslUsername, passwordFile }) =>
    saslMechanism !== accessSettings.saslMechanism.fallback &&
      saslMechanism !== "oauthbearer" && saslUsername === "" && !passwordFile
      ? `KAFKA_SASL_MECHANISM: ${saslMechanism} needs KAFKA_SASL_USERNAME and ` +
        "KAFKA_SASL_PASSWORD_FILE, which are empty"
      : undefined,
  ({ saslMechanism, tokenFile }) =>
    saslMechanism === "oauthbearer" && !tokenFile
      ? "KAFKA_SASL_MECHANISM: oauthbearer needs KAFKA_SASL_TOKEN_FILE, which is empty"
      : undefined,
  ({ saslMechanism, tokenFile }) =>
    saslMechanism !== "oauthbearer" && tokenFile
      ? `KAFKA_SASL_TOKEN_FILE: a token needs KAFKA_SASL_MECHANISM=oauthbearer, found ${saslMechanism}`
      : undefined,
  ({ saslMechanism, saslExtensions }) =>
    saslMechanism !== "oauthbearer" && saslExtensions !== ""
      ? `KAFKA_SASL_EXTENSIONS: belong to KAFKA_SASL_MECHANISM=oauthbearer, found ${saslMechanism}`
      : undefined,
  ({ saslMechanism, saslUsername }) =>
    saslMechanism === "oauthbearer" && saslUsername !== ""
      ? `KAFKA_SASL_USERNAME: with oauthbearer the token says who it is: leave "${saslUsername}" out`
      : undefined,
  ({ saslMechanism, passwordFile }) =>
    saslMechanism === "oauthbearer" && passwordFile
      ? "KAFKA_SASL_PASSWORD_FILE: oauthbearer has a token instead, in KAFKA_SASL_TOKEN_FILE"
      : undefined,
];

/** What is to be done before anything connects: see `trustSystem`; and warns of a secret in clear. */
export function prepareAccess(config: AccessConfig, log: Pick<Logger, "warn">): void {
  const { login, tls } = kafkaAccess(config);
  if (tls && !tls.caFile) trustSystem();
  if (tls || !login || login.mechanism.startsWith("scram")) return;
  const what = login.mechanism === "plain" ? "password" : "token";
  log.warn(
    `KAFKA_SASL_MECHANISM=${login.mechanism} without TLS sends the ${what} in clear: ` +
      "KAFKA_SSL=true, or KAFKA_SSL_CA_FILE, encrypts the way to Kafka",
  );
}

/**
 * Lets TLS trust what this system trusts, where no authorities are named. Deno itself trusts Mozilla's
 * list alone, and looks at this variable when the process makes its first TLS connection.
 */
function trustSystem(): void {
  const name = "DENO_TLS_CA_STORE";
  if (!Deno.env.get(name)) Deno.env.set(name, "system,mozilla");
}
