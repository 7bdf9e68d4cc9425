/** How each transaction ended, as the coordinators that carried it out have it. */
interface Ended {
  readonly id: string;
  /** The same from its beginning to its end, whatever its epoch becomes. */
  readonly startedAt: number;
}

export class Decisions {
  /** By transactional id, then by when it began. */
  readonly #commits = new Map<string, Map<number, boolean>>();
  /**
   * Of which one coordinator commits a part and another aborts the rest: Kafka's own residue, where a
   * coordinator and its producer are killed at once (docs/transaction-errors.md).
   */
  readonly split = new Set<string>();

  note({ id, startedAt }: Ended, commit: boolean): void {
    let commits = this.#commits.get(id);
    if (!commits) this.#commits.set(id, commits = new Map());
    if (commits.get(startedAt) === !commit) this.split.add(`${id} ${startedAt}`);
    commits.set(startedAt, commit);
  }
}
