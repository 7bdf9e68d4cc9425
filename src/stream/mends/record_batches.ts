/** What kafkajs makes of the bytes that a fetch brings. */
import { COMPRESSIONS } from "../../runtime/settings.ts";
import { compress, decompress, idOf } from "../compression.ts";
import { decodeBatches, MAGIC, MAGIC_AT } from "../decode_batches.ts";
import { replaceModule, require } from "./modules.ts";

interface Decoder {
  readInt32(): number;
  readBytes(length: number): Buffer;
  canReadBytes(length: number): boolean;
}

/** One batch that cannot be read fails the fetch, and with it all partitions of the member. */
export function mendRecordBatches(): void {
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
      // Written before Kafka 0.11, and never converted.
      if (bytes[MAGIC_AT]! < MAGIC) return decodeMessageSet(new NewDecoder(bytes), size);
      return decodeBatches(bytes);
    },
  );
}

/** For the old message format: it has gzip alone. */
export function mendCodecs(): void {
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
