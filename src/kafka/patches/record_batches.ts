/** What kafkajs makes of the bytes that a fetch brings. */
import { crc32 } from "node:zlib";
import { COMPRESSIONS } from "../access.ts";
import { compress, decompress, idOf } from "../protocol/compression.ts";
import { AT, MAGIC, PREFIX_BYTES } from "../protocol/layout.ts";
import { decodeBatches, unsent } from "../protocol/decode.ts";
import { replaceModule, require } from "./replace_module.ts";

interface Decoder {
  readInt32(): number;
  readBytes(length: number): Buffer;
  canReadBytes(length: number): boolean;
}

/** One batch that cannot be read fails the fetch, and with it all partitions of the member. */
export function patchRecordBatches(): void {
  const NewDecoder: new (bytes: Buffer) => Decoder = require("kafkajs/src/protocol/decoder.js");
  const decodeMessageSet: (decoder: Decoder, size: number) => Promise<unknown[]> = require(
    "kafkajs/src/protocol/messageSet/decoder.js",
  );
  replaceModule(
    "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js",
    // deno-lint-ignore require-await
    async (decoder: Decoder) => {
      const size = decoder.readInt32();
      if (size <= 0 || !decoder.canReadBytes(size)) return [];
      const bytes = decoder.readBytes(size);
      if (isOldMessage(bytes)) return decodeMessageSet(new NewDecoder(bytes), size);
      return decodeBatches(bytes);
    },
  );
}

/**
 * Whether a message of before Kafka 0.11 is first, which was never converted. A damaged batch may look
 * like one, and kafkajs, which checks no checksum, fails at it.
 *
 * Format: https://kafka.apache.org/documentation/#messageset
 */
function isOldMessage(bytes: Buffer): boolean {
  const end = PREFIX_BYTES + bytes.readInt32BE(AT.length);
  return bytes[AT.magic]! < MAGIC && end <= bytes.length &&
    // Its checksum covers all that is behind it, from the magic byte on.
    bytes.readUInt32BE(PREFIX_BYTES) === crc32(bytes.subarray(AT.magic, end));
}

/** By Kafka's numbers, what a broker answers that cannot read its own log. */
const BROKEN_LOG = new Map([
  [-1, "the broker fails at it (UNKNOWN_SERVER_ERROR)"],
  [2, "the broker finds it damaged (CORRUPT_MESSAGE)"],
]);

interface FetchAnswer {
  readonly responses: readonly {
    readonly partitions: { errorCode: number; messages: unknown[] }[];
  }[];
}

/** One partition that its broker cannot read fails the fetch of all partitions. */
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

/** For the old message format: it has gzip alone. */
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
