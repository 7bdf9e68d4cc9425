/** How long a partition stands still: the longest time between two of its outcomes. */
export class PartitionStalls {
  #lastMs = new Map<number, number>();
  #longestMs = 0;

  /** Forgets what was seen. */
  begin(): void {
    this.#lastMs = new Map();
    this.#longestMs = 0;
  }

  /** Takes note of an outcome in a partition; `nowMs` is of a clock that never goes back. */
  seen(partition: number, nowMs: number): void {
    const lastMs = this.#lastMs.get(partition) ?? nowMs;
    this.#longestMs = Math.max(this.#longestMs, nowMs - lastMs);
    this.#lastMs.set(partition, nowMs);
  }

  get longestMs(): number {
    return this.#longestMs;
  }
}
