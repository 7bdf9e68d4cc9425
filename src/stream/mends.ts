/**
 * Five defects of kafkajs 2.2.4 mended from outside, by replacing one function each: what
 * read_committed means, and four that cost time.
 *
 * Loaded for its effect, before any client is made (client.ts imports it).
 */
import { createRequire } from "node:module";
import { type AbortedTransaction, type Fetched, withoutAborted } from "./committed.ts";
import { type BatchOptions, encodeRecordBatch, type PlainRecord } from "./record_batch.ts";

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

interface Grouping {
  topic: string;
  partitionMetadata: unknown[];
  messages: unknown[];
  partitioner: (args: { topic: string; partitionMetadata: unknown[]; message: unknown }) => number;
}

/**
 * kafkajs#1576: grouping messages by partition copies the group for every message: 8 ms for 1,000
 * messages, 1.5 s for 20,000. The function is bound at load, so that its module is replaced in the
 * cache before kafkajs loads.
 */
function mendGrouping(): void {
  replaceModule(
    "kafkajs/src/producer/groupMessagesPerPartition.js",
    ({ topic, partitionMetadata, messages, partitioner }: Grouping) => {
      const groups: Record<number, unknown[]> = {};
      if (partitionMetadata.length === 0) return groups;
      for (const message of messages) {
        const partition = partitioner({ topic, partitionMetadata, message });
        (groups[partition] ??= []).push(message);
      }
      return groups;
    },
  );
}

/**
 * Encoding record by record, each in a growing buffer of its own, takes four times as long as all the
 * rest of producing: see record_batch.ts. A record stays as it is until its batch is encoded whole.
 */
function mendEncoding(): void {
  const crc32c: BatchOptions["crc32c"] = require(
    "kafkajs/src/protocol/recordBatch/crc32C/index.js",
  );
  replaceModule(
    "kafkajs/src/protocol/recordBatch/record/v0/index.js",
    (record: PlainRecord) => record,
  );
  replaceModule("kafkajs/src/protocol/recordBatch/v0/index.js", {
    MAGIC_BYTE: 2,
    RecordBatch: (options: Omit<BatchOptions, "crc32c"> & { compression?: number }) => {
      if (options.compression) throw new TypeError("compression is not supported");
      const buffer = encodeRecordBatch({ ...options, crc32c });
      // What kafkajs asks of an Encoder that it appends to another.
      return { buf: buffer, buffer, size: () => buffer.length };
    },
  });
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

interface EosCluster {
  retry: unknown;
  refreshMetadataIfNecessary(): Promise<void>;
  findControllerBroker(): Promise<unknown>;
  findGroupCoordinator(
    request: { groupId: string; coordinatorType: number },
  ): Promise<unknown>;
}

/** How long a coordinator is remembered; after an error its producer is given up in any case. */
const COORDINATOR_TTL_MS = 1_000;

/**
 * A transaction asks four times who its coordinators are, which is four of its nine requests. A
 * producer remembers the answer for a moment. (Consumers do not: after a rebalance they must ask.)
 */
function mendCoordinatorLookups(): void {
  const name = "kafkajs/src/producer/eosManager/index.js";
  const createEosManager: (options: { cluster: EosCluster }) => unknown = require(name);
  replaceModule(name, (options: { cluster: EosCluster }) => {
    const { cluster } = options;
    const remembered = new Map<string, { broker: unknown; until: number }>();
    const remembering: EosCluster = {
      retry: cluster.retry,
      refreshMetadataIfNecessary: () => cluster.refreshMetadataIfNecessary(),
      findControllerBroker: () => cluster.findControllerBroker(),
      async findGroupCoordinator(request) {
        const key = `${request.coordinatorType} ${request.groupId}`;
        const known = remembered.get(key);
        if (known && known.until > performance.now()) return known.broker;
        const broker = await cluster.findGroupCoordinator(request);
        remembered.set(key, { broker, until: performance.now() + COORDINATOR_TTL_MS });
        return broker;
      },
    };
    return createEosManager({ ...options, cluster: remembering });
  });
}

/** Replaces what a module of kafkajs exports, for those that load it from now on. */
function replaceModule(name: string, exports: unknown): void {
  const path = require.resolve(name);
  require(path);
  const module = require.cache[path];
  if (!module) throw new Error(`kafkajs has no module ${name} any more`);
  module.exports = exports;
}

mendReadCommitted();
mendGrouping();
mendEncoding();
mendCoordinatorLookups();
mendIdleRequestQueue();
