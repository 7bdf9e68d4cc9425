/** Sequence numbers of one producer id and epoch: by partition, from 0, in the order of hand-out. */

export interface Sequences {
  /** The first of `count` numbers, which are never handed out again. */
  next(topic: string, partition: number, count: number): number;
}

/** After 2^31 - 1 comes 0, as in Kafka's DefaultRecordBatch.incrementSequence. */
const MODULUS = 2 ** 31;

/** @param first where every partition begins: 0, but for tests */
export function createSequences(first = 0): Sequences {
  const byPartition = new Map<string, number>();
  return {
    next(topic, partition, count) {
      const key = `${topic}/${partition}`;
      const sequence = byPartition.get(key) ?? first;
      byPartition.set(key, (sequence + count) % MODULUS);
      return sequence;
    },
  };
}
