/** How each transaction ended, as the coordinators that carried it out have it. */
interface Ended {
  readonly id: string;
  readonly producerId: bigint;
  /** The same from its beginning to its end, whatever its epoch becomes. */
  readonly startedAt: number;
}

export class Decisions {
  readonly #commits = new Map<string, boolean>();
  /**
   * Of which one coordinator commits a part and another aborts the rest: Kafka's own residue, where a
   * coordinator and its producer are killed at once (docs/transaction-errors.md).
   */
  readonly split = new Set<string>();

  note({ id, producerId, startedAt }: Ended, commit: boolean): void {
    const transaction = `${id} ${producerId} ${startedAt}`;
    if (this.#commits.get(transaction) === !commit) this.split.add(transaction);
    this.#commits.set(transaction, commit);
  }
}
