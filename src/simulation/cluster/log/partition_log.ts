/**
 * One replica's log of a partition, with what Kafka derives from it: producers and their sequences
 * (ProducerStateManager), open and aborted transactions, the last stable offset, leader epochs.
 */
import { decodeBatches } from "../../../kafka/protocol/decode.ts";
import { AT, CONTROL, PREFIX_BYTES, TRANSACTIONAL } from "../../../kafka/protocol/layout.ts";
import { bufferOf } from "../../../runtime/buffer.ts";
import {
  CORRUPT_MESSAGE,
  INVALID_PRODUCER_EPOCH,
  INVALID_TXN_STATE,
  NONE,
  OFFSET_OUT_OF_RANGE,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  TRANSACTION_COORDINATOR_FENCED,
} from "../codes.ts";
import { failedFetch } from "./failed_fetch.ts";
import { markerRecord, type TransactionMarker } from "./marker.ts";
import { Transactions } from "./open_transactions.ts";
import { type Verification, Verifications } from "./verifications.ts";
import { ProducerEntry } from "./producer_entry.ts";
import type { FetchedPartition, StoredBatch } from "../requests.ts";

const NO_BATCHES: readonly StoredBatch[] = [];
const MAX_SEQUENCE = 0x7fffffff;

/** What an append came to; `end` is the offset that has to be replicated before it is acknowledged. */
export interface Appended {
  readonly code: number;
  readonly end: number;
}

const refused = (code: number): Appended => ({ code, end: -1 });

export class PartitionLog {
  readonly batches: StoredBatch[] = [];
  /** Of the first record that was not deleted. */
  start = 0;
  /** Of the next record. */
  end = 0;
  highWatermark = 0;
  /**
   * What was acknowledged, which no new leader lacks. A leader that has just taken over may know of less:
   * its high watermark is that of its last fetch as a follower.
   */
  acknowledged = 0;
  readonly #producers = new Map<number, ProducerEntry>();
  readonly #transactions = new Transactions();
  readonly verifications = new Verifications();
  readonly #epochs: { epoch: number; start: number }[] = [];
  /** Producers as of the records that were deleted: Kafka keeps them in snapshots. */
  #deletedProducers: Map<number, ProducerEntry> | undefined;

  constructor(readonly leaderEpoch: number) {}

  /** A copy that has the batches before `keep` only, as the log of a leader of a newer epoch. */
  handedOver(leaderEpoch: number, keep: number, highWatermark: number): PartitionLog {
    const copy = new PartitionLog(leaderEpoch);
    copy.start = copy.end = this.start;
    if (this.#deletedProducers) copy.#restoreProducers(this.#deletedProducers);
    for (const batch of this.batches) {
      if (batch.lastOffset < keep) copy.#apply(batch);
    }
    for (const epoch of this.#epochs) if (epoch.start < copy.end) copy.#epochs.push(epoch);
    copy.#epochs.push({ epoch: leaderEpoch, start: copy.end });
    copy.advance(highWatermark);
    copy.acknowledged = Math.max(this.acknowledged, copy.highWatermark);
    return copy;
  }

  /** The first leader's. */
  begin(): this {
    this.#epochs.push({ epoch: this.leaderEpoch, start: 0 });
    return this;
  }

  /** Where this leader's epoch begins. */
  get epochStart(): number {
    return this.#epochs.at(-1)!.start;
  }

  /** Reader of committed records read up to here: not into an open transaction. */
  get lastStableOffset(): number {
    return this.#stable(this.highWatermark);
  }

  #stable(replicatedBefore: number): number {
    const unstable = this.#transactions.firstUnstable(replicatedBefore);
    // Of a transaction whose beginning was deleted: the first batch that is left.
    const first = this.batches[0]?.firstOffset ?? this.start;
    return Math.min(replicatedBefore, Math.max(first, unstable));
  }

  /** Whether the producer has a transaction open here: no need to ask its coordinator. */
  hasOpen(producerId: number, epoch: number): boolean {
    return this.#transactions.isOpen(producerId) &&
      this.#producers.get(producerId)?.epoch === epoch;
  }

  /** Whether the producer has a newer epoch. */
  isFenced(producerId: number, epoch: number): boolean {
    const entry = this.#producers.get(producerId);
    return entry !== undefined && epoch < entry.epoch;
  }

  /**
   * @param bytes a record batch; its offset and leader epoch are set in place, as a broker does
   * @param verification where the coordinator was asked
   */
  append(bytes: Uint8Array, verification?: Verification): Appended {
    const buffer = bufferOf(bytes);
    if (
      buffer.length < AT.records || buffer.readInt32BE(AT.length) + PREFIX_BYTES !== buffer.length
    ) {
      return refused(CORRUPT_MESSAGE);
    }
    const producerId = buffer.readBigInt64BE(AT.producerId);
    const epoch = buffer.readInt16BE(AT.producerEpoch);
    const firstSequence = buffer.readInt32BE(AT.firstSequence);
    const delta = buffer.readInt32BE(AT.lastOffsetDelta);
    const attributes = buffer.readInt16BE(AT.attributes);
    const lastSequence = firstSequence < 0 ? -1 : (firstSequence + delta) & MAX_SEQUENCE;
    const transactional = (attributes & TRANSACTIONAL) !== 0;
    if ((attributes & CONTROL) !== 0) return refused(CORRUPT_MESSAGE);
    if (producerId >= 0n) {
      const id = Number(producerId);
      const copy = this.#producers.get(id)?.copyOf(epoch, firstSequence, lastSequence);
      if (copy !== undefined) return { code: NONE, end: copy + 1 };
      const isStale = verification && !this.hasOpen(id, epoch) &&
        !this.verifications.isCurrent(id, verification);
      const code = isStale
        ? INVALID_TXN_STATE
        : this.#check(id, epoch, firstSequence, transactional);
      if (code !== NONE) return refused(code);
    }
    buffer.writeBigInt64BE(BigInt(this.end), AT.firstOffset);
    buffer.writeInt32BE(this.leaderEpoch, AT.leaderEpoch);
    const records = decodeBatches(buffer);
    if (records.length === 0 || records[0]!.unreadable) return refused(CORRUPT_MESSAGE);
    this.#apply({
      firstOffset: this.end,
      lastOffset: this.end + delta,
      leaderEpoch: this.leaderEpoch,
      producerId,
      producerEpoch: epoch,
      firstSequence,
      lastSequence,
      transactional,
      control: null,
      coordinatorEpoch: -1,
      sizeBytes: buffer.length,
      records,
    });
    return { code: NONE, end: this.end };
  }

  /** As ProducerAppendInfo checks a batch of a client. */
  #check(id: number, epoch: number, firstSequence: number, transactional: boolean): number {
    if (this.isFenced(id, epoch)) return INVALID_PRODUCER_EPOCH;
    if (this.verifications.refuses(id, firstSequence)) return OUT_OF_ORDER_SEQUENCE_NUMBER;
    // A producer of which nothing is known may begin anywhere.
    const entry = this.#producers.get(id);
    if (!entry) return NONE;
    if (firstSequence !== entry.nextSequence(epoch)) return OUT_OF_ORDER_SEQUENCE_NUMBER;
    return entry.openSince >= 0 && !transactional ? INVALID_TXN_STATE : NONE;
  }

  /** Ends a producer's transaction here, if it has one. */
  appendMarker(marker: TransactionMarker, now: number): Appended {
    const { producerId, producerEpoch, coordinatorEpoch, commit } = marker;
    const entry = this.#producers.get(Number(producerId));
    if (entry && producerEpoch < entry.epoch) return refused(INVALID_PRODUCER_EPOCH);
    if (entry && coordinatorEpoch < entry.coordinatorEpoch) {
      return refused(TRANSACTION_COORDINATOR_FENCED);
    }
    this.#apply({
      firstOffset: this.end,
      lastOffset: this.end,
      leaderEpoch: this.leaderEpoch,
      producerId,
      producerEpoch,
      firstSequence: -1,
      lastSequence: -1,
      transactional: true,
      control: commit ? "commit" : "abort",
      coordinatorEpoch,
      sizeBytes: 78,
      records: [markerRecord(marker, this.end, this.leaderEpoch, now)],
    });
    return { code: NONE, end: this.end };
  }

  #apply(batch: StoredBatch): void {
    this.batches.push(batch);
    this.end = batch.lastOffset + 1;
    if (batch.producerId < 0n) return;
    const id = Number(batch.producerId);
    let entry = this.#producers.get(id);
    if (!entry) this.#producers.set(id, entry = new ProducerEntry(batch.producerEpoch));
    if (batch.transactional) this.verifications.end(id);
    if (batch.control !== null) {
      const first = entry.openSince;
      entry.end(batch.producerEpoch, batch.coordinatorEpoch);
      if (first < 0) return;
      this.#transactions.end(id, first, batch.lastOffset, batch.control === "abort");
    } else {
      entry.add(batch);
      if (batch.transactional && entry.openSince < 0) {
        entry.openSince = batch.firstOffset;
        this.#transactions.begin(id, batch.firstOffset);
      }
    }
  }

  /** The replicas have everything before this offset. */
  advance(highWatermark: number): void {
    this.highWatermark = Math.min(highWatermark, this.end);
    this.acknowledged = Math.max(this.acknowledged, this.highWatermark);
    this.#transactions.advance(this.highWatermark);
  }

  /** As a read_committed fetch sees it. */
  fetch(offset: number, maxBytes: number, topic: string, partition: number): FetchedPartition {
    if (offset < this.start || offset > this.end) {
      return failedFetch(topic, partition, OFFSET_OUT_OF_RANGE);
    }
    const stable = this.lastStableOffset;
    const batches = offset < stable ? this.#between(offset, stable, maxBytes) : NO_BATCHES;
    const next = batches.length > 0 ? batches.at(-1)!.lastOffset + 1 : offset;
    return {
      topic,
      partition,
      code: NONE,
      highWatermark: this.highWatermark,
      lastStableOffset: stable,
      logStart: this.start,
      batches,
      aborted: this.#transactions.abortedBetween(offset, next),
    };
  }

  /** The first batch whatever its size, then as many as there is room for. */
  #between(offset: number, stable: number, maxBytes: number): StoredBatch[] {
    const { batches } = this;
    let low = 0;
    for (let high = batches.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (batches[middle]!.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    const found: StoredBatch[] = [];
    let size = 0;
    for (let i = low; i < batches.length && batches[i]!.firstOffset < stable; i++) {
      size += batches[i]!.sizeBytes;
      if (found.length > 0 && size > maxBytes) break;
      found.push(batches[i]!);
    }
    return found;
  }

  /** Where the records of an epoch end; -1: a newer one than this leader's, or an unknown one. */
  endOfEpoch(epoch: number): number {
    if (epoch < 0 || epoch > this.leaderEpoch) return -1;
    // The one that begins after it; the log's end where it is the newest.
    const next = this.#epochs.find((each) => each.epoch > epoch);
    return next ? Math.max(next.start, this.start) : this.end;
  }

  /** Deletes what lies before an offset, as retention does. */
  deleteBefore(offset: number): void {
    this.start = Math.max(this.start, Math.min(offset, this.highWatermark));
    let gone = 0;
    while (gone < this.batches.length && this.batches[gone]!.lastOffset < this.start) gone++;
    const snapshot = new PartitionLog(0);
    if (this.#deletedProducers) snapshot.#restoreProducers(this.#deletedProducers);
    for (const batch of this.batches.splice(0, gone)) snapshot.#apply(batch);
    this.#deletedProducers = snapshot.#producers;
  }

  #restoreProducers(producers: Map<number, ProducerEntry>): void {
    for (const [id, entry] of producers) {
      this.#producers.set(id, entry.clone());
      if (entry.openSince >= 0) this.#transactions.begin(id, entry.openSince);
    }
  }

  /** Committed and stable records, in the order of their offsets, without markers. */
  committed(): StoredBatch[] {
    const stable = this.#stable(this.acknowledged);
    return this.batches.filter((batch) => this.#transactions.isCommitted(batch, stable));
  }

  /** The offset after the last committed and stable record; 0: there is none. */
  get committedEnd(): number {
    const stable = this.#stable(this.acknowledged);
    const last = this.batches.findLast((batch) => this.#transactions.isCommitted(batch, stable));
    return last ? last.lastOffset + 1 : 0;
  }
}
