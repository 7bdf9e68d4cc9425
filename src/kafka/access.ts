/** Access to Kafka: addresses, TLS and login. */
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

const SASL_MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"] as const;
export type SaslMechanism = typeof SASL_MECHANISMS[number];

const saslMechanism: Setting<SaslMechanism> = {
  env: "KAFKA_SASL_MECHANISM",
  fallback: "scram-sha-512",
  help: `SASL mechanism of the login: ${SASL_MECHANISMS.join(", ")}`,
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
    help:
      "TLS; trusts the authorities of this system (SSL_CERT_FILE names others) and Mozilla's; " +
      "DENO_TLS_CA_STORE=system, or mozilla: only those",
  }),
  caFile: textFile({
    env: "KAFKA_SSL_CA_FILE",
    fallback: "",
    isSound: areCertificates,
    expected: "a file of PEM certificates",
    help:
      "TLS; trusts the authorities in this PEM file and no others; read again for each connection",
  }),
  saslMechanism,
  saslUsername: string({
    env: "KAFKA_SASL_USERNAME",
    fallback: "",
    fallbackHelp: "no login by name and password",
    help: "user name for Kafka",
  }),
  passwordFile: textFile({
    env: "KAFKA_SASL_PASSWORD_FILE",
    fallback: "",
    isSound: (text) => /^.+$/.test(text),
    expected: "a file of one line with the password",
    help: "file with the password of KAFKA_SASL_USERNAME; read again for each login",
  }),
  tokenFile: textFile({
    env: "KAFKA_SASL_TOKEN_FILE",
    fallback: "",
    isSound: (text) => /^[\x21-\x7e]+$/.test(text),
    expected: "a file of one line with the token",
    help: "with oauthbearer: file with the token; read again for each login",
  }),
  saslExtensions: string({
    env: "KAFKA_SASL_EXTENSIONS",
    fallback: "",
    pattern: /^([A-Za-z]+=[\x21-\x2b\x2d-\x7e]+(,[A-Za-z]+=[\x21-\x2b\x2d-\x7e]+)*)?$/,
    expected: "name=value, several separated by commas",
    help:
      "with oauthbearer: extensions that the broker asks for, name=value, several separated by commas",
  }),
};

/** Access to Kafka, and the names there. */
export const kafkaSettings = {
  ...accessSettings,
  topicPrefix: string({
    env: "TOPIC_PREFIX",
    fallback: "",
    pattern: /^[A-Za-z0-9._-]{0,40}$/,
    expected: "at most 40 letters, digits, dots, dashes and underscores",
    help: "prefix of every topic, group and transactional id; keeps several orderflows apart",
  }),
};

export type AccessConfig = Config<typeof accessSettings>;
/** All but the addresses. */
export type SecurityConfig = Omit<AccessConfig, "brokers">;

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Deno itself ignores certificates that it cannot read. */
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

/**
 * For every process that writes messages. Why lz4: `docs/performance.md`, "What a codec costs". kafkajs
 * alone reads `none` and `gzip` only.
 */
export const compressionSettings = {
  compression: choice({
    env: "COMPRESSION",
    fallback: "lz4",
    words: COMPRESSIONS,
    help: `codec for messages that are written: ${COMPRESSIONS.join(", ")}; ` +
      "all of them can be read",
  }),
};

/** How to connect to a cluster. Files are read again for each connection, so that they may change. */
export interface KafkaAccess {
  /** `host:port` of some brokers of the cluster. */
  readonly brokers: readonly string[];
  /** Absent: no TLS. Without a file Deno chooses the authorities. */
  readonly tls?: { readonly caFile?: TextFile | undefined } | undefined;
  /** Absent: no login. */
  readonly login?: Login | undefined;
  /** Of what is written; absent: none. */
  readonly compression?: Compression | undefined;
}

export interface Login {
  readonly mechanism: SaslMechanism;
  /** Empty with `oauthbearer`: the token names the user. */
  readonly username: string;
  /** The password, or the token. */
  readonly secret: TextFile;
  /** With `oauthbearer`: `name=value`, several separated by commas. */
  readonly extensions?: string;
}

/** The access that the settings describe; `accessChecks` come first. */
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

/** The same as environment variables for another process; an empty one overrides `.env`. */
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

/** Each finds one fault of a login: a setting that is missing, or one that does not belong. */
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
      ? `KAFKA_SASL_USERNAME: with oauthbearer the token names the user: leave "${saslUsername}" out`
      : undefined,
  ({ saslMechanism, passwordFile }) =>
    saslMechanism === "oauthbearer" && passwordFile
      ? "KAFKA_SASL_PASSWORD_FILE: oauthbearer has a token instead, in KAFKA_SASL_TOKEN_FILE"
      : undefined,
];

/** Before anything connects: trusts the system's authorities, and warns of a secret sent in clear. */
export function prepareAccess(config: AccessConfig, log: Pick<Logger, "warn">): void {
  const { login, tls } = kafkaAccess(config);
  if (tls && !tls.caFile) trustSystem();
  if (tls || !login || login.mechanism.startsWith("scram")) return;
  const what = login.mechanism === "plain" ? "password" : "token";
  log.warn(
    `KAFKA_SASL_MECHANISM=${login.mechanism} without TLS sends the ${what} in clear: ` +
      "KAFKA_SSL=true, or KAFKA_SSL_CA_FILE, encrypts the connection",
  );
}

/**
 * Without authorities of our own TLS trusts those of the system, too. Deno trusts only Mozilla's list by
 * default, and reads this variable at the first TLS connection of the process.
 */
function trustSystem(): void {
  const name = "DENO_TLS_CA_STORE";
  if (!Deno.env.get(name)) Deno.env.set(name, "system,mozilla");
}
