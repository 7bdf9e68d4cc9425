/**
 * A record batch that cannot be read: its checksum is wrong, nobody knows its codec, or its data is
 * damaged. It stands among the records of its partition in its place, so that whoever reads them knows
 * of it, and those before and after it are read all the same.
 */

export interface Unreadable {
  /** The first offset that it takes; -1: where the broker was asked to read on. */
  readonly offset: number;
  /**
   * The offset after its last: of the batch behind it, or what it says itself when its checksum is
   * right. Undefined: only more of the log can tell.
   */
  readonly next: number | undefined;
  /** Nothing in the log tells where it ends. */
  readonly endless: boolean;
  /** What is wrong, for people: `its checksum is wrong`. */
  readonly why: string;
  /** The whole batch, as it is in the log. */
  readonly bytes: Uint8Array;
}

/** The same, and where its end is known. */
export type LocatedUnreadable = Unreadable & {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
};

/** A reader came to a batch that it cannot read. No attempt of ours will cure that. */
export class UnreadableBatch extends Error {
  override readonly name = "UnreadableBatch";
}

/** `orders.raw/3 offsets 12 to 45 cannot be read: its checksum is wrong`. */
export function sentenceOf(
  { topic, partition }: { topic: string; partition: number },
  { offset, next, why }: Unreadable,
): string {
  const offsets = next === undefined
    ? offset < 0 ? "" : ` from offset ${offset}`
    : next === offset + 1
    ? ` offset ${offset}`
    : ` offsets ${offset} to ${next - 1}`;
  return `${topic}/${partition}${offsets} cannot be read: ${why}`;
}

/** The way past a batch of which nobody knows where it ends. */
export const ENDLESS =
  "where it ends is not known. Let another replica lead, or delete the records " +
  "up to one that can be read (kafka-delete-records.sh)";

/** What stands for an unreadable batch among the records of a fetch, and undefined of a record. */
export function unreadableOf(record: object): Unreadable | undefined {
  return (record as { unreadable?: Unreadable }).unreadable;
}
