/**
 * The codecs of Kafka's record batches. All of them can be read; `COMPRESSION` chooses the one to write.
 *
 * gzip and zstd are in node:zlib; lz4 and snappy come from a WASM library, which needs no native build
 * and no permission.
 */
import {
  constants as zlib,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import {
  crc32c,
  lz4Compress,
  lz4Decompress,
  snappyCompress,
  snappyDecompress,
} from "@platformatic/wasm-utils";
import { type Compression, COMPRESSIONS } from "../access.ts";
import { bufferOf } from "../../runtime/buffer.ts";

export { crc32c };

/** So that a small, highly compressed batch cannot exhaust the memory. */
const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;
/** The fastest: on orders, the next levels save a few per cent and cost a multiple. */
const LEVEL = 1;

interface Codec {
  readonly compress: (bytes: Uint8Array) => Uint8Array;
  /** @throws the bytes are damaged, or become too many */
  readonly decompress: (bytes: Uint8Array) => Uint8Array;
}

const CODECS: Readonly<Record<Exclude<Compression, "none">, Codec>> = {
  gzip: {
    compress: (bytes) => gzipSync(bytes, { level: LEVEL }),
    decompress: (bytes) => gunzipSync(bytes, { maxOutputLength: MAX_DECOMPRESSED_BYTES }),
  },
  snappy: { compress: compressSnappy, decompress: decompressSnappy },
  lz4: {
    compress: (bytes) => lz4Compress(bufferOf(bytes)),
    decompress: (bytes) => guarded("lz4", lz4Decompress, bytes),
  },
  zstd: {
    compress: (bytes) =>
      zstdCompressSync(bytes, { params: { [zlib.ZSTD_c_compressionLevel]: LEVEL } }),
    decompress: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: MAX_DECOMPRESSED_BYTES }),
  },
};

/** Kafka's number of a codec, in the lowest three bits of a batch's attributes. */
export function idOf(compression: Compression): number {
  return COMPRESSIONS.indexOf(compression);
}

export function compress(compression: Compression, bytes: Uint8Array): Uint8Array {
  return compression === "none" ? bytes : CODECS[compression].compress(bytes);
}

/**
 * @param id Kafka's number of the codec
 * @throws {Error} there is no such codec, or the bytes are damaged
 */
export function decompress(id: number, bytes: Uint8Array): Uint8Array {
  const name = COMPRESSIONS[id];
  if (name === undefined) throw new Error(`its codec has the number ${id}, which is not defined`);
  if (name === "none") return bytes;
  try {
    return CODECS[name].decompress(bytes);
  } catch (error) {
    throw new Error(`its ${name} data is damaged (${(error as Error).message})`, { cause: error });
  }
}

/** The first bytes of snappy data of Java clients; blocks follow, each after its length. */
const XERIAL = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0);
/** The magic bytes, its version, and the oldest version that may read it: 1 and 1. */
const XERIAL_HEADER_BYTES = 16;
/** As Java clients have it. */
const XERIAL_BLOCK_BYTES = 32 * 1024;

function compressSnappy(bytes: Uint8Array): Uint8Array {
  const header = Buffer.alloc(XERIAL_HEADER_BYTES);
  header.set(XERIAL);
  header.writeInt32BE(1, 8);
  header.writeInt32BE(1, 12);
  const parts: Uint8Array[] = [header];
  for (let from = 0; from < bytes.length; from += XERIAL_BLOCK_BYTES) {
    const block = snappyCompress(bufferOf(bytes.subarray(from, from + XERIAL_BLOCK_BYTES)));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** As Java clients write it, or one raw block, as librdkafka does. */
function decompressSnappy(bytes: Uint8Array): Uint8Array {
  if (!XERIAL.every((byte, i) => bytes[i] === byte)) return decompressBlock(bytes);
  const view = bufferOf(bytes);
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length;) {
    const length = view.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > bytes.length) throw new Error("a block is cut off");
    const part = decompressBlock(bytes.subarray(at, at + length));
    size += part.length;
    if (size > MAX_DECOMPRESSED_BYTES) throw new Error(`more than ${MAX_DECOMPRESSED_BYTES} bytes`);
    parts.push(part);
    at += length;
  }
  return Buffer.concat(parts, size);
}

function decompressBlock(bytes: Uint8Array): Uint8Array {
  const size = snappySizeOf(bytes);
  if (size > MAX_DECOMPRESSED_BYTES) throw new Error(`more than ${MAX_DECOMPRESSED_BYTES} bytes`);
  return guarded("snappy", snappyDecompress, bytes);
}

/** The decompressed size of a block: a varint at its beginning. */
function snappySizeOf(bytes: Uint8Array): number {
  let size = 0;
  for (let i = 0; i < 5 && i < bytes.length; i++) {
    size += (bytes[i]! & 0x7f) * 2 ** (7 * i);
    if (bytes[i]! < 0x80) return size;
  }
  throw new Error("a block does not say its size");
}

/** Checksums of damaged data, newest last. */
const damaged = new Set<string>();
const MAX_DAMAGED = 200;
const INVALID = "it is not valid";

/**
 * On damaged data the library ends in a trap, and each trap loses some of its stack for good: after
 * 1,985 nothing works any more. So it gets the same data only once, however often that is read.
 */
function guarded(
  codec: string,
  run: (bytes: Buffer) => Uint8Array,
  bytes: Uint8Array,
): Uint8Array {
  const checksum = () => `${codec} ${bytes.length} ${crc32c(bytes)}`;
  if (damaged.size > 0 && damaged.has(checksum())) throw new Error(INVALID);
  try {
    return run(bufferOf(bytes));
  } catch (error) {
    damaged.add(checksum());
    if (damaged.size > MAX_DAMAGED) damaged.delete(damaged.values().next().value!);
    throw new Error(INVALID, { cause: error });
  }
}
