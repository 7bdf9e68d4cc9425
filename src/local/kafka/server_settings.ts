/**
 * The settings of a node of the embedded Kafka: broker and controller, on the loopback interface.
 * Everything that is not here has Kafka's default.
 */
import { join } from "node:path";

export type ServerSettings = Readonly<Record<string, string>>;

/** Where a node listens. */
export interface NodePorts {
  readonly client: number;
  /** What it advertises to clients: `client`, or the port of a proxy before it. */
  readonly advertised: number;
  readonly controller: number;
  /** For the other brokers, past any proxy; not used by a lone node. */
  readonly replication: number;
}

interface ServerOptions {
  /** 1 is the first of `nodes`. */
  readonly nodeId: number;
  /** All nodes of the cluster, this one among them. */
  readonly nodes: readonly NodePorts[];
  /** The address to listen on; in a container that is all of them. */
  readonly listenAddress: string;
  /** Where the logs of the partitions are; relative to the working directory. */
  readonly logDirectory: string;
  /** Settings that are added, or that replace these. */
  readonly overrides?: ServerSettings;
}

/** Settings in the order in which they are written. */
export function serverSettings(options: ServerOptions): ServerSettings {
  const { nodeId, nodes, listenAddress, logDirectory, overrides } = options;
  const { client, advertised, controller, replication } = nodes[nodeId - 1]!;
  const several = nodes.length > 1;
  const toBrokers = several ? `,REPLICATION://127.0.0.1:${replication}` : "";
  const copies = String(nodes.length);
  // One of them may be away.
  const inSync = several ? String(nodes.length - 1) : "1";
  return {
    "process.roles": "broker,controller",
    "node.id": String(nodeId),
    "controller.quorum.voters": nodes.map((node, index) =>
      `${index + 1}@127.0.0.1:${node.controller}`
    ).join(),
    "controller.listener.names": "CONTROLLER",
    "listeners": `PLAINTEXT://${listenAddress}:${client}${toBrokers},` +
      `CONTROLLER://127.0.0.1:${controller}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${advertised}${toBrokers}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT," +
      (several ? "REPLICATION:PLAINTEXT," : "") + "CONTROLLER:PLAINTEXT",
    ...several && { "inter.broker.listener.name": "REPLICATION" },
    "log.dirs": logDirectory,

    // A mistyped topic name is an error, not a new topic.
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",

    // A copy on every node. Few partitions: each costs files and start-up time.
    "default.replication.factor": copies,
    "min.insync.replicas": inSync,
    "unclean.leader.election.enable": "false",
    "offsets.topic.replication.factor": copies,
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": copies,
    "share.coordinator.state.topic.min.isr": inSync,
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

    // A node that came back leads its partitions again this soon (by default after up to 5 minutes).
    "leader.imbalance.check.interval.seconds": "5",

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

/** The cluster's id in a node's log directory; undefined when it is not formatted yet. */
export async function readClusterId(logDirectory: string): Promise<string | undefined> {
  try {
    const text = await Deno.readTextFile(join(logDirectory, "meta.properties"));
    return /^cluster\.id=(.+)$/m.exec(text)?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** 16 random bytes in base64url without padding, as Kafka writes its ids. */
export function randomClusterId(): string {
  return crypto.getRandomValues(new Uint8Array(16))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}
