/**
 * Three defects of kafkajs 2.2.4 mended from outside, by replacing one function each.
 *
 * Loaded for its effect, before any client is made (client.ts imports it).
 */
import { createRequire } from "node:module";
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

/** Replaces what a module of kafkajs exports, for those that load it from now on. */
function replaceModule(name: string, exports: unknown): void {
  const path = require.resolve(name);
  require(path);
  const module = require.cache[path];
  if (!module) throw new Error(`kafkajs has no module ${name} any more`);
  module.exports = exports;
}

mendGrouping();
mendEncoding();
mendIdleRequestQueue();
