/**
 * The settings of the embedded broker: one node that is broker and controller, on the loopback
 * interface, without replication. Everything that is not here has Kafka's default.
 */

export type ServerSettings = Readonly<Record<string, string>>;

export interface ServerOptions {
  /** Where clients connect, as they are told: 127.0.0.1. */
  readonly port: number;
  readonly controllerPort: number;
  /** The address to listen on; in a container that is all of them. */
  readonly listenAddress: string;
  /** Where the logs of the partitions are; relative to the working directory. */
  readonly logDirectory: string;
  /** Settings that are added, or that replace these. */
  readonly overrides?: ServerSettings;
}

/** Settings in the order in which they are written. */
export function serverSettings(options: ServerOptions): ServerSettings {
  const { port, controllerPort, listenAddress, logDirectory, overrides } = options;
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    "listeners": `PLAINTEXT://${listenAddress}:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": logDirectory,

    // A mistyped topic name is an error, not a new topic.
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",

    // One node cannot hold three copies. Few partitions: each costs files and start-up time.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",

    // By default a new group waits 3 s for more members, which spares a large cluster rebalances;
    // here every service and every test would begin with that wait.
    "group.initial.rebalance.delay.ms": "0",
    // The least that SESSION_TIMEOUT_MS may be.
    "group.min.session.timeout.ms": "6000",

    // The controller takes a broker that was killed for alive this long (by default 9 s), and does not
    // let it register again before that: every start after a kill waits for it.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",

    // On a laptop's few cores more threads only wake each other up (by default 3 and 8).
    "num.network.threads": "2",
    "num.io.threads": "3",

    // A week, as by default: the audit needs all of a run. Whole segments are deleted, so they must
    // not be of 1 GiB on a laptop.
    "log.retention.hours": "168",
    "log.segment.bytes": String(128 * 1024 * 1024),
    // The log cleaner's table is allocated on the heap at the start: 128 MiB by default.
    "log.cleaner.dedupe.buffer.size": String(8 * 1024 * 1024),
    ...overrides,
  };
}

/** The text of a `server.properties`. */
export function toProperties(settings: ServerSettings): string {
  return Object.entries(settings).map(([name, value]) => `${name}=${escape(value)}\n`).join("");
}

/** In a properties file a backslash begins an escape, and characters beyond ASCII are written as one. */
function escape(value: string): string {
  return value.replace(
    /\\|[^ -~]/g,
    (char) => char === "\\" ? "\\\\" : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
