/** A set of places in the log: topic, partition, offset. */
export class Places {
  readonly #byTopic = new Map<string, Map<number, Set<number>>>();

  /** @returns false when it was there already */
  add(topic: string, partition: number, offset: number): boolean {
    let partitions = this.#byTopic.get(topic);
    if (!partitions) this.#byTopic.set(topic, partitions = new Map());
    let offsets = partitions.get(partition);
    if (!offsets) partitions.set(partition, offsets = new Set());
    return offsets.size < offsets.add(offset).size;
  }

  has(topic: string, partition: number, offset: number): boolean {
    return this.#byTopic.get(topic)?.get(partition)?.has(offset) ?? false;
  }

  /** @returns whether it was there; it no longer is */
  take(topic: string, partition: number, offset: number): boolean {
    return this.#byTopic.get(topic)?.get(partition)?.delete(offset) ?? false;
  }

  /** `topic partition@offset` of each. */
  *[Symbol.iterator](): Iterator<string> {
    for (const [topic, partitions] of this.#byTopic) {
      for (const [partition, offsets] of partitions) {
        for (const offset of offsets) yield `${topic} ${partition}@${offset}`;
      }
    }
  }
}
