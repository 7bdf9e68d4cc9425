/**
 * Batches whose transaction the coordinator is asked about (Kafka's VerificationStateEntry): until one of the
 * producer is written, or a marker, no later sequence is. Known to the leader alone.
 */
export interface Verification {
  epoch: number;
  lowestSequence: number;
}

export class Verifications {
  readonly #begun = new Map<number, Verification>();

  begin(producerId: number, epoch: number, sequence: number): Verification {
    let begun = this.#begun.get(producerId);
    if (!begun) this.#begun.set(producerId, begun = { epoch, lowestSequence: sequence });
    if (epoch > begun.epoch) {
      begun.epoch = epoch;
      begun.lowestSequence = sequence;
    } else if (epoch === begun.epoch && sequence < begun.lowestSequence) {
      begun.lowestSequence = sequence;
    }
    return begun;
  }

  /** Whether nothing was written since it began that the coordinator's answer may not know of. */
  isCurrent(producerId: number, verification: Verification): boolean {
    return this.#begun.get(producerId) === verification;
  }

  /** Whether an earlier batch has to come first. */
  refuses(producerId: number, sequence: number): boolean {
    const begun = this.#begun.get(producerId);
    return begun !== undefined && sequence > begun.lowestSequence;
  }

  /** A batch of its transaction is written, or a marker. */
  end(producerId: number): void {
    if (this.#begun.size > 0) this.#begun.delete(producerId);
  }
}
