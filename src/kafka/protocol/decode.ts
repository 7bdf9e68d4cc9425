/**
 * Decodes the record batches (magic 2) that a fetch brings of a partition. kafkajs's own decoder checks
 * no checksum, takes compressed data of an unknown codec for records, and one batch that it cannot
 * decode fails the whole fetch, forever.
 */
import {
  AT,
  CODEC_MASK,
  CONTROL,
  CRC_STARTS_AT,
  LOG_APPEND_TIME,
  MAGIC,
  PREFIX_BYTES,
  TRANSACTIONAL,
} from "./layout.ts";
import { bufferOf } from "../../runtime/buffer.ts";
import { crc32c, decompress } from "./compression.ts";
import { HeaderMap } from "./header_map.ts";
import type { Unreadable } from "./unreadable.ts";

type Headers = HeaderMap<Uint8Array | (Uint8Array | null)[] | null>;

/** As kafkajs has it; one with `unreadable` stands for a whole batch. */
export interface DecodedRecord {
  readonly magicByte: number;
  readonly attributes: number;
  /** Epoch milliseconds. */
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
  readonly unreadable?: Unreadable;
}

interface BatchContext {
  readonly producerId: string;
  readonly inTransaction: boolean;
  /** Of the leader that wrote it; absent where the batch cannot be trusted. */
  readonly partitionLeaderEpoch?: number;
}

/** Of one batch: differences of offsets are 32-bit integers. */
const MAX_OFFSETS = 2 ** 31;

/** Of a batch whose end is unknown: a reader must not step over it. */
const NO_END = "9223372036854775807";

/** @param bytes batches; the last may be cut off by the size of the fetch */
export function decodeBatches(bytes: Buffer): DecodedRecord[] {
  const records: DecodedRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const header = bytes.subarray(at, at + AT.records);
    const isWhole = header.length === AT.records;
    const end = isWhole ? at + PREFIX_BYTES + header.readInt32BE(AT.length) : Infinity;
    // A broker never cuts off the first one.
    if (end > bytes.length && at > 0) break;
    if (end > bytes.length || end < at + AT.records) {
      records.push(endless(header, "its length is wrong"));
      break;
    }
    const batch = bytes.subarray(at, end);
    const isSound = batch[AT.magic] === MAGIC &&
      batch.readUInt32BE(AT.crc) === crc32c(batch.subarray(CRC_STARTS_AT));
    if (!isSound) {
      records.push(unsound(batch, bytes.subarray(end)));
    } else {
      const from = records.length;
      try {
        decodeBatch(batch, records);
      } catch (error) {
        records.length = from;
        records.push(
          standIn(batch, nextOf(batch), (error as Error).message, contextOf(batch)),
        );
      }
    }
    at = end;
  }
  return records;
}

/** Its own fields cannot be trusted; the offset of the next batch can. */
function unsound(batch: Buffer, behind: Buffer): DecodedRecord {
  const why = "its checksum is wrong";
  if (behind.length < 8) return standIn(batch, undefined, why);
  const next = Number(behind.readBigInt64BE(AT.firstOffset));
  const count = next - Number(batch.readBigInt64BE(AT.firstOffset));
  return count > 0 && count <= MAX_OFFSETS ? standIn(batch, next, why) : endless(batch, why);
}

function nextOf(batch: Buffer): number {
  return Number(batch.readBigInt64BE(AT.firstOffset)) + batch.readInt32BE(AT.lastOffsetDelta) + 1;
}

/** @param batchContext of a batch that can be trusted: if it was aborted, it need not be read */
function standIn(
  batch: Buffer,
  next: number | undefined,
  why: string,
  batchContext: BatchContext = { producerId: "-1", inTransaction: false },
): DecodedRecord {
  return {
    magicByte: MAGIC,
    attributes: 0,
    timestamp: "-1",
    offset: next === undefined ? NO_END : String(next - 1),
    key: null,
    value: null,
    headers: {},
    isControlRecord: false,
    batchContext,
    unreadable: {
      offset: Number(batch.readBigInt64BE(AT.firstOffset)),
      next,
      endless: false,
      why,
      bytes: batch,
    },
  };
}

/** Stands for a batch whose end is unknown. */
function endless(batch: Buffer, why: string): DecodedRecord {
  const record = standIn(batch, undefined, why);
  return { ...record, unreadable: { ...record.unreadable!, endless: true } };
}

/** Stands for what the broker itself cannot read, and does not send. */
export function unsent(why: string): DecodedRecord {
  const header = Buffer.alloc(AT.records);
  header.writeBigInt64BE(-1n, AT.firstOffset);
  return endless(header, why);
}

function contextOf(batch: Buffer): BatchContext {
  return {
    producerId: String(batch.readBigInt64BE(AT.producerId)),
    inTransaction: (batch.readInt16BE(AT.attributes) & TRANSACTIONAL) !== 0,
    partitionLeaderEpoch: batch.readInt32BE(AT.leaderEpoch),
  };
}

/** @throws {Error} it cannot be decoded; `records` may have some of it then */
function decodeBatch(batch: Buffer, records: DecodedRecord[]): void {
  const attributes = batch.readInt16BE(AT.attributes);
  const count = batch.readInt32BE(AT.count);
  const plain = decompress(attributes & CODEC_MASK, batch.subarray(AT.records));
  const reader = new RecordReader(bufferOf(plain));
  const common = {
    firstOffset: Number(batch.readBigInt64BE(AT.firstOffset)),
    lastOffsetDelta: batch.readInt32BE(AT.lastOffsetDelta),
    firstTimestamp: Number(batch.readBigInt64BE(AT.firstTimestamp)),
    // Log append time is the same for all records.
    appendTime: (attributes & LOG_APPEND_TIME) !== 0
      ? String(batch.readBigInt64BE(AT.maxTimestamp))
      : undefined,
    isControlRecord: (attributes & CONTROL) !== 0,
    batchContext: contextOf(batch),
  };
  for (let i = 0; i < count; i++) records.push(reader.record(common));
  if (reader.left > 0) throw new Error(`${reader.left} bytes are left after its ${count} records`);
}

interface Common {
  readonly firstOffset: number;
  readonly lastOffsetDelta: number;
  readonly firstTimestamp: number;
  readonly appendTime: string | undefined;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
}

class RecordReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get left(): number {
    return this.bytes.length - this.#at;
  }

  record(common: Common): DecodedRecord {
    const length = this.#varint();
    const end = this.#at + length;
    if (length < 0 || end > this.bytes.length) throw new Error("a record is cut off");
    this.#at++; // attributes: none are defined
    const timestampDelta = this.#varint();
    const offsetDelta = this.#varint();
    if (offsetDelta < 0 || offsetDelta > common.lastOffsetDelta) {
      throw new Error(`a record has the offset ${offsetDelta} of ${common.lastOffsetDelta}`);
    }
    const key = this.#bytes();
    const value = this.#bytes();
    const headers = this.#headers();
    if (this.#at !== end) throw new Error("a record does not have the length that it says");
    return {
      magicByte: MAGIC,
      attributes: 0,
      timestamp: common.appendTime ?? String(common.firstTimestamp + timestampDelta),
      offset: String(common.firstOffset + offsetDelta),
      key,
      value,
      headers,
      isControlRecord: common.isControlRecord,
      batchContext: common.batchContext,
    };
  }

  /** Several of one name become a list. */
  #headers(): Headers {
    const headers: Headers = new HeaderMap();
    for (let left = this.#varint(); left > 0; left--) {
      const name = this.#bytes()?.toString() ?? "";
      const value = this.#bytes();
      const before = headers[name];
      if (before === undefined) headers[name] = value;
      else if (Array.isArray(before)) before.push(value);
      else headers[name] = [before, value];
    }
    return headers;
  }

  #bytes(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.bytes.length) throw new Error("a record is cut off");
    return this.bytes.subarray(start, this.#at);
  }

  /** Zigzag; exact for safe integers. */
  #varint(): number {
    let value = 0;
    for (let factor = 1;; factor *= 0x80) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw new Error("a record is cut off");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      if (factor > 2 ** 63) throw new Error("a number is too long");
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
