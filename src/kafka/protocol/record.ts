/** The records of a fetch, as views of their batches' bytes: what nobody asks for is never made. */
import type { ConsumerRecord } from "../records.ts";
import type { Unreadable } from "./unreadable.ts";

/** A record of a fetch; one with `unreadable` stands for a whole batch. */
export interface DecodedRecord extends ConsumerRecord {
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
  readonly unreadable?: Unreadable;
}

/** What the records of a batch have in common. */
export interface BatchContext {
  readonly producerId: string;
  readonly inTransaction: boolean;
  /** Of the leader that wrote it; absent where the batch cannot be trusted. */
  readonly partitionLeaderEpoch?: number;
  /** Its records, decompressed; absent where the batch cannot be trusted. */
  readonly bytes?: Buffer;
  /** The size of the batch in the log, in bytes; absent where `bytes` is, too. */
  readonly inLog?: number;
}

/** A batch that can be trusted, decompressed. */
export interface DecodedBatch extends BatchContext {
  readonly bytes: Buffer;
  readonly inLog: number;
  readonly firstOffset: number;
  readonly lastOffsetDelta: number;
  readonly firstTimestamp: number;
  /** The same for all records; undefined where their producer set their timestamps. */
  readonly appendTime: number | undefined;
  readonly isControl: boolean;
}

/** The bytes of the batches of these records, in the order of their offsets, as far as they are known. */
export function sizesOf(
  records: readonly Pick<DecodedRecord, "batchContext">[],
): { inLog: number; decompressed: number } {
  let inLog = 0;
  let decompressed = 0;
  let last: BatchContext | undefined;
  for (const { batchContext } of records) {
    if (batchContext !== last) {
      inLog += batchContext.inLog ?? 0;
      decompressed += batchContext.bytes?.length ?? 0;
    }
    last = batchContext;
  }
  return { inLog, decompressed };
}

/**
 * A record's headers by name. It inherits nothing, since "constructor" may be a header's name, and is
 * several times faster than `Object.create(null)`, which V8 keeps as a hash table.
 */
export class HeaderMap {
  [name: string]: string;

  static {
    Object.setPrototypeOf(this.prototype, null);
    Reflect.deleteProperty(this.prototype, "constructor");
  }
}

/** A record that was found to be whole; what is asked for of it is read then. */
export class RecordView implements DecodedRecord {
  #headers: HeaderMap | undefined;

  /**
   * @param keyStart where its key begins in the batch's bytes; -1: it has none. So with the value
   * @param headersAt where their number is
   */
  constructor(
    readonly batchContext: DecodedBatch,
    readonly offset: number,
    private readonly timestampDelta: number,
    readonly keyStart: number,
    readonly keyEnd: number,
    readonly valueStart: number,
    readonly valueEnd: number,
    private readonly headersAt: number,
  ) {}

  get timestamp(): number {
    const { appendTime, firstTimestamp } = this.batchContext;
    return appendTime ?? firstTimestamp + this.timestampDelta;
  }

  get isControlRecord(): boolean {
    return this.batchContext.isControl;
  }

  get key(): Buffer | null {
    return this.#bytes(this.keyStart, this.keyEnd);
  }

  get value(): Buffer | null {
    return this.#bytes(this.valueStart, this.valueEnd);
  }

  get headers(): HeaderMap {
    return this.#headers ??= this.#headersReader().headers();
  }

  /** Whether it has this header: none of them is read for it. */
  hasHeader(name: Uint8Array): boolean {
    return this.#headersReader().hasHeader(name);
  }

  #headersReader(): RecordReader {
    return new RecordReader(this.batchContext.bytes, this.headersAt);
  }

  #bytes(start: number, end: number): Buffer | null {
    return start < 0 ? null : this.batchContext.bytes.subarray(start, end);
  }
}

/** @throws {Error} from each method: what it reads is cut off */
export class RecordReader {
  constructor(private readonly source: Buffer, private at = 0) {}

  get left(): number {
    return this.source.length - this.at;
  }

  record(batch: DecodedBatch): RecordView {
    const length = this.#varint();
    const end = this.at + length;
    if (length < 0 || end > this.source.length) throw new Error("a record is cut off");
    this.at++; // attributes: none are defined
    const timestampDelta = this.#varint();
    const offsetDelta = this.#varint();
    if (offsetDelta < 0 || offsetDelta > batch.lastOffsetDelta) {
      throw new Error(`a record has the offset ${offsetDelta} of ${batch.lastOffsetDelta}`);
    }
    const keyStart = this.#skip();
    const keyEnd = this.at;
    const valueStart = this.#skip();
    const valueEnd = this.at;
    const headersAt = this.at;
    for (let left = this.#varint(); left > 0; left--) {
      this.#skip();
      this.#skip();
    }
    if (this.at !== end) throw new Error("a record does not have the length that it says");
    const offset = batch.firstOffset + offsetDelta;
    return new RecordView(
      batch,
      offset,
      timestampDelta,
      keyStart,
      keyEnd,
      valueStart,
      valueEnd,
      headersAt,
    );
  }

  hasHeader(name: Uint8Array): boolean {
    for (let left = this.#varint(); left > 0; left--) {
      const start = this.#skip();
      if (
        this.at - start === name.length && name.every((byte, i) => byte === this.source[start + i])
      ) {
        return true;
      }
      this.#skip();
    }
    return false;
  }

  /** Several of one name are joined by commas; what is not UTF-8 is replaced. */
  headers(): HeaderMap {
    const headers = new HeaderMap();
    for (let left = this.#varint(); left > 0; left--) {
      const name = this.#text();
      const value = this.#text();
      const before = headers[name];
      headers[name] = before === undefined ? value : `${before},${value}`;
    }
    return headers;
  }

  /** Of no bytes, as of none at all, it is empty. */
  #text(): string {
    const start = this.#skip();
    return start < 0 ? "" : this.source.toString("utf8", start, this.at);
  }

  /** @returns where the bytes begin that it steps over; -1: they are null */
  #skip(): number {
    const length = this.#varint();
    if (length < 0) return -1;
    const start = this.at;
    this.at += length;
    if (this.at > this.source.length) throw new Error("a record is cut off");
    return start;
  }

  /** Zigzag; exact for safe integers. */
  #varint(): number {
    const first = this.source[this.at]!;
    // Most numbers are this small.
    if (first < 0x80) {
      this.at++;
      return (first >>> 1) ^ -(first & 1);
    }
    let value = 0;
    for (let factor = 1;; factor *= 0x80) {
      const byte = this.source[this.at++];
      if (byte === undefined) throw new Error("a record is cut off");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      if (factor > 2 ** 63) throw new Error("a number is too long");
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
