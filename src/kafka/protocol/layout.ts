/**
 * The fields of a record batch (magic 2), all big-endian.
 *
 * Format: https://kafka.apache.org/documentation/#recordbatch
 */

/** Offsets in bytes from the batch's beginning. */
export const AT = {
  firstOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  firstSequence: 53,
  count: 57,
  records: 61,
} as const;

export const MAGIC = 2;
/** What the length does not count: the first offset and itself. */
export const PREFIX_BYTES = AT.leaderEpoch;
/** Where that begins which the checksum covers. */
export const CRC_STARTS_AT = AT.attributes;

/** Bits of the attributes. */
export const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME = 0x08;
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;
