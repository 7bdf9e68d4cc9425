/**
 * Defects of kafkajs 2.2.4 mended from outside, by replacing one function each. What it does with a
 * cluster whose leaders and coordinators move, and what we do about it, is told in `docs/kafkajs.md`.
 *
 * Loaded for its effect, before any client is made (client.ts imports it).
 */
import { createRequire } from "node:module";
import { type AbortedTransaction, type Fetched, withoutAborted } from "./committed.ts";

const require = createRequire(import.meta.url);

interface RequestQueuePrototype {
  pending: unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

/**
 * kafkajs#1704: an idle request queue re-arms its timer for ever, once a millisecond, which costs 5 %
 * of a core a connection and prints TimeoutNegativeWarning. With nothing pending there is nothing to
 * check.
 */
function mendIdleRequestQueue(): void {
  const queue = require("kafkajs/src/network/requestQueue/index.js")
    .prototype as RequestQueuePrototype;
  const original = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function () {
    if (this.pending.length === 0) return;
    if (this.throttledUntil < Date.now()) this.throttledUntil = Date.now();
    original.call(this);
  };
}

/**
 * kafkajs expects the broker's list of aborted transactions in the order of their first offsets, and
 * steps into at most one of them a record. With two that overlap in a partition, as those are that a
 * killed member leaves, records of the one came through as if committed.
 */
function mendReadCommitted(): void {
  replaceModule(
    "kafkajs/src/consumer/filterAbortedMessages.js",
    ({ messages, abortedTransactions }: {
      messages: Fetched[];
      abortedTransactions: AbortedTransaction[] | null;
    }) => withoutAborted(messages, abortedTransactions),
  );
}

interface Socket {
  readonly destroyed: boolean;
  removeAllListeners(): void;
  on(event: "error", listener: () => void): void;
  destroy(): void;
}

interface Connection {
  host: string;
  port: number;
  socket: Socket | undefined;
  chunks: Uint8Array[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  send(request: unknown): Promise<unknown>;
  rejectRequests(error: Error): void;
}

/** The bytes of an answer's length. */
const LENGTH_BYTES = 4;
const DISCONNECT_LIMIT_MS = 2_000;

/**
 * - A connection that breaks in the middle of an answer keeps that half, and takes what comes from the
 *   next connection for the rest of it.
 * - A socket that was given up still tells its connection of its end, which by then has another.
 * - Two requests at once on a connection that is not there make a socket each; one is forgotten.
 * - After a request that timed out the connection stays. Where the network swallows packets, every
 *   request after it times out, too, until the system gives the socket up: 15 minutes. Kafka's own
 *   client closes it at once (NetworkClient.handleTimedOutRequests).
 * - A connection that is to be closed waits for its answers, however long they take, and takes further
 *   requests meanwhile; who refreshes the metadata waits with it.
 */
function mendConnections(): void {
  const { prototype } = require("kafkajs/src/network/connection.js") as { prototype: Connection };
  const { connect, disconnect, send } = prototype;
  const connecting = new WeakMap<Connection, Promise<unknown>>();
  prototype.connect = function () {
    if (this.isConnected()) return Promise.resolve(true);
    let attempt = connecting.get(this);
    if (attempt === undefined) {
      abandonSocket(this);
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = LENGTH_BYTES;
      attempt = connect.call(this).finally(() => connecting.delete(this));
      connecting.set(this, attempt);
    }
    return attempt;
  };
  prototype.send = async function (request) {
    try {
      return await send.call(this, request);
    } catch (error) {
      if (error instanceof Error && error.name === "KafkaJSRequestTimeoutError") {
        dropConnection(this, error);
      }
      throw error;
    }
  };
  prototype.disconnect = async function () {
    // kafkajs would add a listener to it each time.
    if (this.socket?.destroyed) this.socket = undefined;
    const late = () => this.rejectRequests(closedConnection(this, "it is closed by us"));
    const timer = setTimeout(late, DISCONNECT_LIMIT_MS);
    try {
      return await disconnect.call(this);
    } finally {
      clearTimeout(timer);
    }
  };
}

function closedConnection({ host, port }: Connection, why: string): Error {
  const { KafkaJSConnectionClosedError } = require("kafkajs/src/errors.js");
  return new KafkaJSConnectionClosedError(`Closed connection: ${why}`, { host, port });
}

function abandonSocket({ socket }: Connection): void {
  socket?.removeAllListeners();
  socket?.on("error", () => {});
  socket?.destroy();
}

function dropConnection(connection: Connection, reason: Error): void {
  if (!connection.isConnected()) return;
  connection.rejectRequests(closedConnection(connection, reason.message));
  abandonSocket(connection);
  void connection.disconnect();
}

/** Closes the connections to a broker; the next request makes new ones. */
export function dropConnections(
  broker: { readonly connectionPool: { readonly pool: readonly unknown[] } },
  reason: Error,
): void {
  for (const connection of broker.connectionPool.pool) {
    dropConnection(connection as Connection, reason);
  }
}

interface Metadata {
  topicMetadata: {
    topicErrorCode: number;
    partitionMetadata: { partitionErrorCode: number; leader: number }[];
  }[];
}

interface BrokerPool {
  metadata: Metadata;
  metadataExpireAt: number;
  refreshMetadata(topics: string[]): Promise<unknown>;
}

/** How soon to ask again who leads a partition that nobody leads. */
const LEADERLESS_METADATA_AGE_MS = 250;

/**
 * kafkajs takes an answer in which one partition has no leader for a failure, so that nothing is known
 * of all the others either, however long that one is away. Such a partition has the leader -1: nobody
 * asks for it, and the metadata is asked for again soon.
 */
function mendLeaderlessPartitions(): void {
  const { createErrorFromCode } = require("kafkajs/src/protocol/error.js");
  const name = "kafkajs/src/protocol/requests/metadata/v0/response.js";
  const { decode } = require(name);
  const parse = (metadata: Metadata) => {
    const failed = metadata.topicMetadata.find(({ topicErrorCode }) => topicErrorCode !== 0);
    if (failed) return Promise.reject(createErrorFromCode(failed.topicErrorCode));
    return Promise.resolve(metadata);
  };
  replaceModule(name, { decode, parse });

  const { prototype } = require("kafkajs/src/cluster/brokerPool.js") as { prototype: BrokerPool };
  const { refreshMetadata } = prototype;
  prototype.refreshMetadata = async function (topics) {
    await refreshMetadata.call(this, topics);
    const leaderless = this.metadata?.topicMetadata.some(({ partitionMetadata }) =>
      partitionMetadata.some(({ leader }) => leader < 0)
    );
    if (leaderless) this.metadataExpireAt = Date.now() + LEADERLESS_METADATA_AGE_MS;
  };
}

interface ClusterPrototype {
  brokerPool: { metadata: { topicMetadata: { topic: string }[] } | null };
  addMultipleTargetTopics(topics: string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
}

/**
 * Who asks for metadata while somebody else's answer is awaited gets that one, which may lack the topic
 * that was just added. So a topic had no partitions, and no end: `fetchTopicOffsets` failed with a
 * TypeError, and whoever counted messages found none.
 */
function mendSharedMetadata(): void {
  const { prototype } = require("kafkajs/src/cluster/index.js") as { prototype: ClusterPrototype };
  const { addMultipleTargetTopics } = prototype;
  prototype.addMultipleTargetTopics = async function (topics) {
    await addMultipleTargetTopics.call(this, topics);
    const lacksOne = () =>
      topics.some((name) =>
        !this.brokerPool.metadata?.topicMetadata.some(({ topic }) => topic === name)
      );
    // The second answer may be one that somebody else had asked for before; the third is not.
    for (let attempt = 1; attempt <= 2 && lacksOne(); attempt++) await this.refreshMetadata();
  };
}

/** Replaces what a module of kafkajs exports, for those that load it from now on. */
function replaceModule(name: string, exports: unknown): void {
  const path = require.resolve(name);
  require(path);
  const module = require.cache[path];
  if (!module) throw new Error(`kafkajs has no module ${name} any more`);
  module.exports = exports;
}

mendLeaderlessPartitions();
mendSharedMetadata();
mendReadCommitted();
mendConnections();
mendIdleRequestQueue();
