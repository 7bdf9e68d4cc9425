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
import {
  type BatchContext,
  type DecodedBatch,
  type DecodedRecord,
  RecordReader,
} from "./record.ts";

/** Of one batch: differences of offsets are 32-bit integers. */
const MAX_OFFSETS = 2 ** 31;

/** Of a batch whose end is unknown: a reader must not step over it. */
const NO_END = Number.MAX_SAFE_INTEGER;

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

/** Of no transaction, as far as we know. */
export const UNKNOWN_BATCH: BatchContext = { producerId: "-1", inTransaction: false };

/** @param batchContext of a batch that can be trusted: if it was aborted, it need not be read */
function standIn(
  batch: Buffer,
  next: number | undefined,
  why: string,
  batchContext = UNKNOWN_BATCH,
): DecodedRecord {
  return {
    timestamp: -1,
    offset: next === undefined ? NO_END : next - 1,
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
function decodeBatch(bytes: Buffer, records: DecodedRecord[]): void {
  const attributes = bytes.readInt16BE(AT.attributes);
  const count = bytes.readInt32BE(AT.count);
  const batch: DecodedBatch = {
    ...contextOf(bytes),
    bytes: bufferOf(decompress(attributes & CODEC_MASK, bytes.subarray(AT.records))),
    inLog: bytes.length,
    firstOffset: Number(bytes.readBigInt64BE(AT.firstOffset)),
    lastOffsetDelta: bytes.readInt32BE(AT.lastOffsetDelta),
    firstTimestamp: Number(bytes.readBigInt64BE(AT.firstTimestamp)),
    appendTime: (attributes & LOG_APPEND_TIME) !== 0
      ? Number(bytes.readBigInt64BE(AT.maxTimestamp))
      : undefined,
    isControl: (attributes & CONTROL) !== 0,
  };
  const reader = new RecordReader(batch.bytes);
  for (let i = 0; i < count; i++) records.push(reader.record(batch));
  if (reader.left > 0) throw new Error(`${reader.left} bytes are left after its ${count} records`);
}
