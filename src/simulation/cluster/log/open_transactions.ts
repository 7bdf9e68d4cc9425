/** The transactions of a partition's log: which are open, and which were aborted (Kafka's transaction index). */
import type { StoredBatch } from "../requests.ts";

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
  readonly first: number;
  /** Of its marker. */
  readonly last: number;
}

const NONE_ABORTED: readonly AbortedTransaction[] = [];

export class Transactions {
  /** First offsets by producer, in the order of the log. */
  readonly #open = new Map<number, number>();
  /** Ended, but their markers are not replicated yet. */
  readonly #unreplicated: { first: number; last: number }[] = [];
  readonly #aborted: AbortedTransaction[] = [];

  begin(producerId: number, first: number): void {
    this.#open.set(producerId, first);
  }

  /** @param last the marker's offset */
  end(producerId: number, first: number, last: number, isAbort: boolean): void {
    this.#open.delete(producerId);
    this.#unreplicated.push({ first, last });
    if (!isAbort) return;
    const [id, firstOffset] = [String(producerId), String(first)];
    this.#aborted.push({ producerId: id, firstOffset, first, last });
  }

  advance(highWatermark: number): void {
    const waiting = this.#unreplicated;
    for (let i = waiting.length - 1; i >= 0; i--) {
      if (waiting[i]!.last < highWatermark) waiting.splice(i, 1);
    }
  }

  isOpen(producerId: number): boolean {
    return this.#open.has(producerId);
  }

  /** The first offset that is not decided, or whose decision is not among what is replicated. */
  firstUnstable(replicatedBefore: number): number {
    let first = Infinity;
    for (const open of this.#open.values()) {
      first = open;
      break;
    }
    for (const unreplicated of this.#unreplicated) {
      if (unreplicated.last >= replicatedBefore && unreplicated.first < first) {
        first = unreplicated.first;
      }
    }
    return first;
  }

  /** Those with records, or a marker, from `from` up to `to`, `to` excluded. In the order of their markers. */
  abortedBetween(from: number, to: number): readonly AbortedTransaction[] {
    if (this.#aborted.length === 0) return NONE_ABORTED;
    return this.#aborted.filter(({ first, last }) => last >= from && first < to);
  }

  /** Whether a batch is no marker, and committed among what lies before the offset `stable`. */
  isCommitted(
    { firstOffset, lastOffset, control, transactional, producerId }: StoredBatch,
    stable: number,
  ): boolean {
    if (lastOffset >= stable || control !== null) return false;
    return !transactional || !this.#wasAborted(producerId, firstOffset);
  }

  #wasAborted(producerId: bigint, offset: number): boolean {
    if (this.#aborted.length === 0) return false;
    const id = String(producerId);
    return this.#aborted.some(({ producerId, first, last }) =>
      producerId === id && first <= offset && offset < last
    );
  }
}
