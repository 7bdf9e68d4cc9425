/**
 * Encodes a record batch (magic 2) into one buffer of exactly its size. kafkajs grows a buffer for every
 * record, every header and every list of headers, which limits a producer more than the network does.
 *
 * Format: https://kafka.apache.org/documentation/#recordbatch
 */
import { AT, CRC_STARTS_AT, MAGIC, PREFIX_BYTES, TRANSACTIONAL } from "./layout.ts";
import type { Compression } from "../access.ts";
import { compress, crc32c, idOf } from "./compression.ts";

type Bytes = Uint8Array | string | null | undefined;

export interface PlainRecord {
  readonly key?: Bytes;
  /** Text stays text up to here: its UTF-8 is written into the batch, and nowhere else. */
  readonly value?: Bytes;
  readonly headers?: Readonly<Record<string, Bytes | Bytes[]>> | undefined;
  /** Milliseconds after the batch's first timestamp (default: 0). */
  readonly timestampDelta?: number;
}

interface BatchOptions {
  /** In the order of their offsets. */
  readonly records: readonly PlainRecord[];
  /** Epoch milliseconds. */
  readonly firstTimestamp: number | string;
  readonly maxTimestamp: number | string;
  /** A 64-bit integer. */
  readonly producerId: { toString(): string };
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly transactional: boolean;
  /** (default: none) A batch that would not become smaller is not compressed. */
  readonly compression?: Compression | undefined;
}

export function encodeRecordBatch(options: BatchOptions): Buffer {
  const { records } = options;
  const sizes = new Array<number>(records.length);
  let size: number = AT.records;
  for (let i = 0; i < records.length; i++) {
    const body = sizeOfBody(records[i]!, i);
    sizes[i] = body;
    size += sizeOfVarint(body) + body;
  }
  const buffer = Buffer.allocUnsafeSlow(size);
  let at: number = AT.records;
  for (let i = 0; i < records.length; i++) {
    at = writeVarint(buffer, at, sizes[i]!);
    at = writeBody(buffer, at, records[i]!, i);
  }
  if (at !== size) throw new TypeError(`a batch of ${size} bytes took ${at}`);
  return finish(buffer, options);
}

/** @param plain room for the header, then the records */
function finish(plain: Buffer, options: BatchOptions): Buffer {
  const { compression = "none" } = options;
  const records = plain.subarray(AT.records);
  const compressed = compress(compression, records);
  const pays = compressed.length < records.length;
  const buffer = pays ? Buffer.concat([plain.subarray(0, AT.records), compressed]) : plain;
  writeHeader(buffer, options, pays ? compression : "none");
  buffer.writeUInt32BE(crc32c(buffer.subarray(CRC_STARTS_AT)), AT.crc);
  return buffer;
}

function writeHeader(buffer: Buffer, options: BatchOptions, compression: Compression): void {
  const { records, firstTimestamp, maxTimestamp, producerId, producerEpoch } = options;
  buffer.writeBigInt64BE(0n, AT.firstOffset); // set by the broker
  buffer.writeInt32BE(buffer.length - PREFIX_BYTES, AT.length);
  buffer.writeInt32BE(0, AT.leaderEpoch); // set by the broker
  buffer.writeInt8(MAGIC, AT.magic);
  buffer.writeInt16BE(
    idOf(compression) | (options.transactional ? TRANSACTIONAL : 0),
    AT.attributes,
  );
  buffer.writeInt32BE(records.length - 1, AT.lastOffsetDelta);
  buffer.writeBigInt64BE(BigInt(firstTimestamp), AT.firstTimestamp);
  buffer.writeBigInt64BE(BigInt(maxTimestamp), AT.maxTimestamp);
  buffer.writeBigInt64BE(BigInt(producerId.toString()), AT.producerId);
  buffer.writeInt16BE(producerEpoch, AT.producerEpoch);
  buffer.writeInt32BE(options.firstSequence, AT.firstSequence);
  buffer.writeInt32BE(records.length, AT.count);
}

function sizeOfBody(record: PlainRecord, offsetDelta: number): number {
  const { key, value, headers, timestampDelta = 0 } = record;
  let size = 1 + sizeOfVarint(timestampDelta) + sizeOfVarint(offsetDelta) + sizeOfBytes(key) +
    sizeOfBytes(value);
  let count = 0;
  for (const name in headers) {
    const header = headers[name];
    if (Array.isArray(header)) {
      count += header.length;
      for (const one of header) size += sizeOfBytes(name) + sizeOfBytes(one);
    } else {
      count++;
      size += sizeOfBytes(name) + sizeOfBytes(header);
    }
  }
  return size + sizeOfVarint(count);
}

function writeBody(
  buffer: Buffer,
  start: number,
  record: PlainRecord,
  offsetDelta: number,
): number {
  const { key, value, headers, timestampDelta = 0 } = record;
  buffer[start] = 0; // attributes: none are defined
  let at = writeVarint(buffer, start + 1, timestampDelta);
  at = writeVarint(buffer, at, offsetDelta);
  at = writeBytes(buffer, at, key);
  at = writeBytes(buffer, at, value);
  let count = 0;
  for (const name in headers) {
    const header = headers[name];
    count += Array.isArray(header) ? header.length : 1;
  }
  at = writeVarint(buffer, at, count);
  for (const name in headers) {
    const header = headers[name];
    if (Array.isArray(header)) {
      for (const one of header) at = writeBytes(buffer, writeBytes(buffer, at, name), one);
    } else at = writeBytes(buffer, writeBytes(buffer, at, name), header);
  }
  return at;
}

function lengthOf(value: Uint8Array | string): number {
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}

function sizeOfBytes(value: Bytes): number {
  if (value === null || value === undefined) return 1; // a length of -1
  const length = lengthOf(value);
  return sizeOfVarint(length) + length;
}

function writeBytes(buffer: Buffer, at: number, value: Bytes): number {
  if (value === null || value === undefined) return writeVarint(buffer, at, -1);
  const length = lengthOf(value);
  const start = writeVarint(buffer, at, length);
  if (typeof value !== "string") buffer.set(value, start);
  else if (length === value.length && length <= MAX_LOOP) writeAscii(buffer, start, value);
  else utf8.encodeInto(value, buffer.subarray(start));
  return start + length;
}

const utf8 = new TextEncoder();
/** Up to this length a loop is faster than a call out of JavaScript. */
const MAX_LOOP = 64;

function writeAscii(buffer: Buffer, start: number, text: string): void {
  for (let i = 0; i < text.length; i++) buffer[start + i] = text.charCodeAt(i);
}

/** Zigzag: a small magnitude, of either sign, takes few bytes. Exact for safe integers. */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = zigzag(value);
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
  buffer[at++] = rest;
  return at;
}
