/**
 * The records that a read_committed fetch brought of one partition. The broker answers with aborted
 * records among them, and a list of their transactions: producer and first offset of each. Where one
 * ends, its abort marker says. The list is in the order of the markers:
 * https://kafka.apache.org/protocol#The_Messages_Fetch
 */
import { type DecodedRecord, sizesOf } from "./record.ts";

/** Of the answer to a fetch, as kafkajs has it. */
export interface FetchedPartition {
  readonly partition: number;
  readonly highWatermark: string;
  /** Transactions below it have ended: nothing behind it is fetched. */
  readonly lastStableOffset: string;
  readonly messages: readonly DecodedRecord[];
  /** Null where there are none. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
}

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/** As kafkajs's Batch, whose methods its runner calls. */
export class ReadCommittedBatch {
  readonly partition: number;
  readonly highWatermark: string;
  readonly #stableEnd: number;
  /** Control records included. */
  readonly rawMessages: readonly DecodedRecord[];
  /** Without control records and those of aborted transactions. */
  readonly messages: readonly DecodedRecord[];
  readonly #behind: readonly DecodedRecord[];

  constructor(
    readonly topic: string,
    /** The offset that was asked for. */
    readonly fetchedOffset: string,
    { partition, highWatermark, lastStableOffset, messages, abortedTransactions }: FetchedPartition,
  ) {
    this.partition = partition;
    this.highWatermark = highWatermark;
    this.#stableEnd = Number(lastStableOffset);
    this.rawMessages = messages;
    this.#behind = from(Number(fetchedOffset), messages);
    this.messages = withoutAborted(this.#behind, abortedTransactions)
      .filter(({ isControlRecord }) => !isControlRecord);
  }

  isEmpty(): boolean {
    return this.messages.length === 0;
  }

  /** Something was fetched, of which nothing is handed over. */
  isEmptyDueToFiltering(): boolean {
    return this.isEmpty() && this.rawMessages.length > 0;
  }

  /** Of what was fetched from the offset on, control records included. */
  firstOffset(): string | null {
    return this.#behind.length === 0 ? null : String(this.#behind[0]!.offset);
  }

  lastOffset(): string {
    const last = this.#behind.at(-1)?.offset;
    if (last !== undefined) return String(last);
    return this.rawMessages.length > 0 ? this.fetchedOffset : String(this.#logEnd - 1);
  }

  /** Whether there was more to fetch behind it. */
  get hasMore(): boolean {
    return this.#stableEnd > Number(this.lastOffset()) + 1;
  }

  /** The size of the records, decompressed, as far as it is known. */
  get bytes(): number {
    return sizesOf(this.rawMessages).decompressed;
  }

  /** How many offsets come behind the last one. */
  offsetLag(): string {
    return String(this.#logEnd - 1 - Number(this.lastOffset()));
  }

  offsetLagLow(): string {
    const first = this.#behind[0]?.offset;
    return first === undefined ? "0" : String(this.#logEnd - 1 - first);
  }

  get #logEnd(): number {
    return Number(this.highWatermark);
  }
}

/** A broker answers with whole batches: the first may begin before the offset that was asked for. */
function from(offset: number, records: readonly DecodedRecord[]): readonly DecodedRecord[] {
  const first = records[0];
  if (first === undefined || first.offset >= offset) return records;
  return records.filter((record) => record.offset >= offset);
}

/** A record, as far as it matters here. */
export type Fetched = Pick<DecodedRecord, "offset" | "key" | "isControlRecord" | "batchContext">;

/**
 * The records, in the order of their offsets, without those of aborted transactions. Control records
 * stay.
 *
 * kafkajs expects the list of aborted transactions in the order of their first offsets, and looks at
 * one of them a record at most. When two overlap in a partition, as after a killed member, records of
 * one pass as committed.
 *
 * @param aborted in any order; null where there are none
 */
export function withoutAborted<T extends Fetched>(
  records: readonly T[],
  aborted: readonly AbortedTransaction[] | null,
): readonly T[] {
  if (!aborted?.length) return records;
  const toCome = aborted
    .map(({ producerId, firstOffset }) => ({ producerId, from: Number(firstOffset) }))
    .sort((a, b) => b.from - a.from);
  // A producer has one transaction at a time.
  const aborting = new Set<string>();
  return records.filter((record) => {
    while (toCome.length > 0 && toCome.at(-1)!.from <= record.offset) {
      aborting.add(toCome.pop()!.producerId);
    }
    const { producerId, inTransaction } = record.batchContext;
    if (isAbortMarker(record)) aborting.delete(producerId);
    return record.isControlRecord || !inTransaction || !aborting.has(producerId);
  });
}

/** A control record's key: its version, then its type, two bytes each; type 0 is an abort. */
function isAbortMarker(record: Fetched): boolean {
  if (!record.isControlRecord) return false;
  const { key } = record;
  return key?.[2] === 0 && key[3] === 0;
}
