/** What a partition remembers of one producer (Kafka's ProducerStateEntry). */

const REMEMBERED_BATCHES = 5;
const MAX_SEQUENCE = 0x7fffffff;

interface Batch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
}

export class ProducerEntry {
  coordinatorEpoch = -1;
  /** First offset of its open transaction; -1: none. */
  openSince = -1;
  /** The last five, oldest first. */
  #batches: Batch[] = [];

  constructor(public epoch: number) {}

  /** The last offset of a batch that is there already; undefined where it is a new one. */
  copyOf(epoch: number, firstSequence: number, lastSequence: number): number | undefined {
    if (epoch !== this.epoch) return undefined;
    for (const batch of this.#batches) {
      if (batch.firstSequence === firstSequence && batch.lastSequence === lastSequence) {
        return batch.lastOffset;
      }
    }
    return undefined;
  }

  /** A newer epoch begins at 0, as does one of which only a marker is known. */
  nextSequence(epoch: number): number {
    const last = epoch === this.epoch ? this.#batches.at(-1)?.lastSequence : undefined;
    return last === undefined || last === MAX_SEQUENCE ? 0 : last + 1;
  }

  add(batch: Batch & { readonly producerEpoch: number }): void {
    this.#raise(batch.producerEpoch);
    this.#batches.push(batch);
    if (this.#batches.length > REMEMBERED_BATCHES) this.#batches.shift();
  }

  /** A marker ends its transaction. */
  end(epoch: number, coordinatorEpoch: number): void {
    this.#raise(epoch);
    this.coordinatorEpoch = coordinatorEpoch;
    this.openSince = -1;
  }

  #raise(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.#batches.length = 0;
  }

  clone(): ProducerEntry {
    const copy = new ProducerEntry(this.epoch);
    copy.coordinatorEpoch = this.coordinatorEpoch;
    copy.openSince = this.openSince;
    copy.#batches = [...this.#batches];
    return copy;
  }
}
