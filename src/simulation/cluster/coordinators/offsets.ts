/** Committed offsets of groups, and those that are pending in transactions (Kafka's OffsetMetadataManager). */
import { INVALID_PRODUCER_EPOCH, NONE, TRANSACTION_COORDINATOR_FENCED } from "../codes.ts";
import type { TransactionMarker } from "../log/marker.ts";
import type { OffsetToCommit } from "../requests.ts";

/** As it stands in the log of __consumer_offsets. */
export interface OffsetsEntry {
  readonly kind: "offsets";
  readonly group: string;
  readonly offsets: readonly OffsetToCommit[];
  /** -1: outside a transaction. */
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface MarkerEntry {
  readonly kind: "marker";
  readonly marker: TransactionMarker;
}

interface Committed {
  readonly offset: number;
  /** Where it stands in the log: of two, the later one counts. */
  readonly at: number;
}

interface Producer {
  epoch: number;
  coordinatorEpoch: number;
  isOpen: boolean;
}

export const keyOf = (group: string, topic: string, partition: number) =>
  `${group} ${topic} ${partition}`;

export class OffsetStore {
  readonly #committed = new Map<string, Committed>();
  /** By producer, then by group, topic and partition. */
  readonly #pending = new Map<number, Map<string, Committed>>();
  /** As of the log's end, replicated or not. */
  readonly #producers = new Map<number, Producer>();

  /** Whether a producer's offsets may be appended. */
  accepts(producerId: number, epoch: number): number {
    const producer = this.#producers.get(producerId);
    return producer && epoch < producer.epoch ? INVALID_PRODUCER_EPOCH : NONE;
  }

  acceptsMarker({ producerId, producerEpoch, coordinatorEpoch }: TransactionMarker): number {
    const producer = this.#producers.get(Number(producerId));
    if (!producer) return NONE;
    if (producerEpoch < producer.epoch) return INVALID_PRODUCER_EPOCH;
    return coordinatorEpoch < producer.coordinatorEpoch ? TRANSACTION_COORDINATOR_FENCED : NONE;
  }

  /** Whether the producer has a transaction open here: no need to ask its coordinator. */
  hasOpen(producerId: number, epoch: number): boolean {
    const producer = this.#producers.get(producerId);
    return producer !== undefined && producer.isOpen && producer.epoch === epoch;
  }

  /** It is in the log, not yet replicated. */
  appended(entry: OffsetsEntry | MarkerEntry): void {
    if (entry.kind === "marker") {
      const { producerId, producerEpoch, coordinatorEpoch } = entry.marker;
      const producer = this.#producer(Number(producerId), producerEpoch);
      producer.coordinatorEpoch = coordinatorEpoch;
      producer.isOpen = false;
    } else if (entry.producerId >= 0) {
      this.#producer(entry.producerId, entry.producerEpoch).isOpen = true;
    }
  }

  #producer(id: number, epoch: number): Producer {
    let producer = this.#producers.get(id);
    if (!producer) {
      producer = { epoch, coordinatorEpoch: -1, isOpen: false };
      this.#producers.set(id, producer);
    }
    producer.epoch = epoch;
    return producer;
  }

  /** It is replicated. @param at its place in the log */
  committed(entry: OffsetsEntry | MarkerEntry, at: number): void {
    if (entry.kind === "marker") return this.#end(entry.marker);
    const { group, producerId } = entry;
    let target = this.#committed;
    if (producerId >= 0) {
      target = this.#pending.get(producerId) ?? new Map();
      this.#pending.set(producerId, target);
    }
    for (const { topic, partition, offset } of entry.offsets) {
      target.set(keyOf(group, topic, partition), { offset, at });
    }
  }

  #end({ producerId, commit }: TransactionMarker): void {
    const pending = this.#pending.get(Number(producerId));
    if (!pending) return;
    this.#pending.delete(Number(producerId));
    if (!commit) return;
    for (const [key, committed] of pending) {
      const before = this.#committed.get(key);
      if (!before || before.at < committed.at) this.#committed.set(key, committed);
    }
  }

  /** Its topic is gone: so are its offsets. */
  forget(topic: string): void {
    for (const offsets of [this.#committed, ...this.#pending.values()]) {
      for (const key of offsets.keys()) if (key.split(" ")[1] === topic) offsets.delete(key);
    }
  }

  offset(key: string): number | undefined {
    return this.#committed.get(key)?.offset;
  }

  isPending(key: string): boolean {
    for (const pending of this.#pending.values()) if (pending.has(key)) return true;
    return false;
  }
}
