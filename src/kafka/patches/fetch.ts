/** Fetches: what is asked, and what becomes of the answer. */
import { crc32 } from "node:zlib";
import { COMPRESSIONS } from "../access.ts";
import { compress, decompress, idOf } from "../protocol/compression.ts";
import { AT, MAGIC, PREFIX_BYTES } from "../protocol/layout.ts";
import { decodeBatches, UNKNOWN_BATCH, unsent } from "../protocol/decode.ts";
import { ReadCommittedBatch } from "../protocol/read_committed.ts";
import type { DecodedRecord } from "../protocol/record.ts";
import { replaceModule, require } from "./replace_module.ts";

/**
 * kafkajs#1119: with Fetch v11 a broker also answers for partitions that it only follows, and kafkajs
 * sends no leader epoch. A broker that has just restarted lacks the records that it has not copied yet,
 * and says OFFSET_OUT_OF_RANGE. With v10 it says that it is not the leader.
 */
export function patchFetchVersion(): void {
  const fetch = require("kafkajs/src/protocol/requests/fetch/index.js") as { versions: string[] };
  fetch.versions = fetch.versions.filter((version) => Number(version) <= 10);
}

interface Decoder {
  readInt32(): number;
  readBytes(length: number): Buffer;
  canReadBytes(length: number): boolean;
}

/**
 * kafkajs#17, #1141: kafkajs checks no checksum and knows gzip only, and one batch that it cannot
 * decode fails the fetch of all partitions of the member, again and again.
 */
export function patchRecordBatches(): void {
  const NewDecoder: new (bytes: Buffer) => Decoder = require("kafkajs/src/protocol/decoder.js");
  const decodeMessageSet: (decoder: Decoder, size: number) => Promise<OldMessage[]> = require(
    "kafkajs/src/protocol/messageSet/decoder.js",
  );
  replaceModule(
    "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js",
    async (decoder: Decoder): Promise<DecodedRecord[]> => {
      const size = decoder.readInt32();
      if (size <= 0 || !decoder.canReadBytes(size)) return [];
      const bytes = decoder.readBytes(size);
      if (!isOldMessage(bytes)) return decodeBatches(bytes);
      return (await decodeMessageSet(new NewDecoder(bytes), size)).map(recordOf);
    },
  );
}

/** As kafkajs decodes it. */
interface OldMessage {
  readonly offset: string;
  /** Epoch milliseconds; absent in the oldest format. */
  readonly timestamp?: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

function recordOf({ offset, timestamp = "-1", key, value }: OldMessage): DecodedRecord {
  return {
    offset: Number(offset),
    timestamp: Number(timestamp),
    key,
    value,
    headers: {},
    isControlRecord: false,
    batchContext: UNKNOWN_BATCH,
  };
}

/**
 * Whether the first is a message from before Kafka 0.11 that was never converted. A damaged batch may
 * look like one; kafkajs would fail at it.
 *
 * Format: https://kafka.apache.org/documentation/#messageset
 */
function isOldMessage(bytes: Buffer): boolean {
  const end = PREFIX_BYTES + bytes.readInt32BE(AT.length);
  return bytes[AT.magic]! < MAGIC && end <= bytes.length &&
    // Its checksum covers all that is behind it, from the magic byte on.
    bytes.readUInt32BE(PREFIX_BYTES) === crc32(bytes.subarray(AT.magic, end));
}

/** Kafka's codes for a broker that cannot read its own log. */
const BROKEN_LOG = new Map([
  [-1, "the broker fails at it (UNKNOWN_SERVER_ERROR)"],
  [2, "the broker finds it damaged (CORRUPT_MESSAGE)"],
]);

interface FetchAnswer {
  readonly responses: readonly {
    readonly partitions: { errorCode: number; messages: unknown[] }[];
  }[];
}

/** One partition that its broker cannot read fails kafkajs's fetch of all partitions. */
export function patchFetchErrors(): void {
  const response = require("kafkajs/src/protocol/requests/fetch/v1/response.js") as {
    parse: (answer: FetchAnswer) => Promise<unknown>;
  };
  const { parse } = response;
  response.parse = (answer) => {
    for (const partition of answer.responses.flatMap(({ partitions }) => partitions)) {
      const why = BROKEN_LOG.get(partition.errorCode);
      if (why === undefined) continue;
      partition.errorCode = 0;
      partition.messages = [unsent(why)];
    }
    return parse(answer);
  };
}

/** kafkajs#1141, for messages in the format from before Kafka 0.11: kafkajs knows gzip only. */
export function patchCodecs(): void {
  const { Codecs } = require("kafkajs/src/protocol/message/compression/index.js") as {
    Codecs: Record<number, () => object>;
  };
  for (const name of COMPRESSIONS) {
    if (name === "none") continue;
    const id = idOf(name);
    const codec = {
      // deno-lint-ignore require-await
      compress: async ({ buffer }: { buffer: Uint8Array }) => compress(name, buffer),
      // deno-lint-ignore require-await
      decompress: async (bytes: Uint8Array) => decompress(id, bytes),
    };
    Codecs[id] = () => codec;
  }
}

interface Broker {
  fetch(request: { topics: { topic: string; partitions: { partition: number }[] }[] }): Promise<
    { responses: { topicName: string; partitions: { partition: number }[] }[] }
  >;
}

/**
 * kafkajs takes an answer without a partition for "nothing new": its reader waits forever. Without
 * fetch sessions, which kafkajs does not use, every partition has to be in the answer.
 */
export function patchFetchAnswers(): void {
  const { prototype } = require("kafkajs/src/broker/index.js") as { prototype: Broker };
  const { KafkaJSError } = require("kafkajs/src/errors.js");
  const { fetch } = prototype;
  prototype.fetch = async function (request) {
    const answer = await fetch.call(this, request);
    const answered = new Set(
      answer.responses.flatMap(({ topicName, partitions }) =>
        partitions.map(({ partition }) => `${topicName}/${partition}`)
      ),
    );
    for (const { topic, partitions } of request.topics) {
      for (const { partition } of partitions) {
        if (answered.has(`${topic}/${partition}`)) continue;
        throw new KafkaJSError(`the answer to a fetch lacks ${topic}/${partition}`);
      }
    }
    return answer;
  };
}

/**
 * kafkajs takes records of a transaction for committed when two overlap in a partition, and makes a big
 * integer of each offset.
 */
export function patchBatches(): void {
  replaceModule("kafkajs/src/consumer/batch.js", ReadCommittedBatch);
}
