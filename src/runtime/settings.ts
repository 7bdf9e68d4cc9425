/** The settings that several processes share; each process adds its own. `.env.example` lists them. */
import {
  choice,
  type Config,
  flag,
  folder,
  integer,
  optional,
  string,
  type TextFile,
  textFile,
} from "./config.ts";
import { accessSettings } from "./kafka_access.ts";
import { LOG_FORMATS, LOG_LEVELS } from "./log.ts";
import { DEFAULT_PARTITIONS } from "../topology.ts";

export { accessChecks, type KafkaAccess, kafkaAccess } from "./kafka_access.ts";

/** Where Kafka is, who we are there, and what the topics are called. */
export const kafkaSettings = {
  ...accessSettings,
  topicPrefix: string({
    env: "TOPIC_PREFIX",
    fallback: "",
    pattern: /^[A-Za-z0-9._-]{0,40}$/,
    expected: "at most 40 letters, digits, dots, dashes and underscores",
    help: "put before every topic, group and transactional id; keeps several orderflows apart",
  }),
};

export const topicSettings = {
  partitions: optional(integer({
    env: "PARTITIONS",
    option: "partitions",
    fallback: "",
    min: 1,
    max: 1_000,
    help:
      "partitions of each order topic; those with fewer get more; empty: as many as the largest " +
      `has, or ${DEFAULT_PARTITIONS}`,
  })),
  replicationFactor: optional(integer({
    env: "REPLICATION_FACTOR",
    fallback: "",
    min: 1,
    max: 10,
    help: "copies of each partition, when a topic is created; empty: one on each broker, at most 3",
  })),
};

/** Where the tables are. */
export const storeSettings = {
  dataDir: folder({
    env: "DATA_DIR",
    fallback: ".data",
    expected: ".data, or a folder below it (the tasks may write to no other)",
    help: "the folder of the embedded Kafka and of the SQLite files",
  }),
  databaseUrl: string({
    env: "DATABASE_URL",
    fallback: "",
    pattern: /^(postgres(ql)?:\/\/.+)?$/,
    expected: "postgres://…, or nothing for SQLite in DATA_DIR",
    help: "a PostgreSQL for the tables, for services on several machines; empty: SQLite",
  }),
  databasePassword: textFile({
    env: "DATABASE_PASSWORD_FILE",
    fallback: "",
    isSound: (text) => /^.+$/.test(text),
    expected: "a file of one line with the password",
    help: "the file with the password for DATABASE_URL, read again for each connection",
  }),
};

/** Where tables are, by the settings. */
export interface TablesConfig {
  readonly databaseUrl: string;
  readonly databasePassword?: TextFile | undefined;
  readonly dataDir: string;
}

/** The same as `openDatabase` takes it. */
export function placeOf(
  config: TablesConfig,
): { url: string; password: TextFile | undefined; directory: string } {
  const { databaseUrl: url, databasePassword: password, dataDir: directory } = config;
  return { url, password, directory };
}

export const logSettings = {
  logLevel: choice({
    env: "LOG_LEVEL",
    fallback: "info",
    words: LOG_LEVELS,
    help: `how much is logged: ${LOG_LEVELS.join(", ")}`,
  }),
  logFormat: choice({
    env: "LOG_FORMAT",
    fallback: "text",
    words: LOG_FORMATS,
    help: "text for people, json for machines",
  }),
};

/** What every long-running process has. */
export const serviceSettings = {
  ...kafkaSettings,
  ...logSettings,
  httpHost: string({
    env: "HTTP_HOST",
    fallback: "127.0.0.1",
    pattern: /^[^[\]\s]+$/,
    expected: "an address without brackets, such as 127.0.0.1 or ::1",
    help: "where /livez, /readyz and /metrics are served",
  }),
  httpPort: integer({
    env: "HTTP_PORT",
    fallback: "0",
    min: 0,
    max: 65_535,
    help: "the port for them; 0 takes a free one, so that copies do not collide",
  }),
  memberName: string({
    env: "MEMBER_NAME",
    fallback: "",
    help:
      "what this process is called in its consumer group, such as its pod; empty: service and " +
      "process id",
  }),
  drainTimeoutMs: integer({
    env: "DRAIN_TIMEOUT_MS",
    fallback: "15000",
    min: 1_000,
    max: 300_000,
    help: "how long a stop may take to finish what is in flight",
  }),
  stopWithStdin: flag({
    env: "STOP_WITH_STDIN",
    fallback: "false",
    help: "stop when standard input ends: a supervisor's way to leave no orphans",
  }),
};

/** What the four services have that consume, transform and produce. */
export const processorSettings = {
  ...serviceSettings,
  ...storeSettings,
  guarantee: choice({
    env: "PROCESSING_GUARANTEE",
    fallback: "exactly_once",
    words: ["exactly_once", "at_least_once"],
    help: "exactly_once: outputs and offsets in one Kafka transaction; at_least_once: without",
  }),
  sessionTimeoutMs: integer({
    env: "SESSION_TIMEOUT_MS",
    fallback: "10000",
    min: 6_000,
    max: 300_000,
    help: "how long a consumer group waits for a member that says nothing",
  }),
  transactionTimeoutMs: integer({
    env: "TRANSACTION_TIMEOUT_MS",
    fallback: "10000",
    min: 1_000,
    max: 300_000,
    help: "how long a transaction may stay open; at most SESSION_TIMEOUT_MS",
  }),
  maxBatch: integer({
    env: "MAX_BATCH",
    fallback: "1000",
    min: 1,
    max: 10_000,
    help: "most messages in one transaction",
  }),
};

/**
 * A transaction that outlives its owner's membership would keep the partition's next owner from
 * reading on until it times out.
 */
export function transactionFitsSession(
  config: Pick<Config<typeof processorSettings>, "transactionTimeoutMs" | "sessionTimeoutMs">,
): string | undefined {
  const { transactionTimeoutMs, sessionTimeoutMs } = config;
  return transactionTimeoutMs <= sessionTimeoutMs ? undefined : `TRANSACTION_TIMEOUT_MS: ` +
    `${transactionTimeoutMs} is more than SESSION_TIMEOUT_MS, ${sessionTimeoutMs}: lower the one or raise the other`;
}
