/**
 * A record batch that cannot be read: its checksum is wrong, its codec is unknown, or its data is
 * damaged. A record of its own stands in its place, so that a reader notices it, and reads the records
 * before and after it.
 */

export interface Unreadable {
  /** Its first offset; -1: the offset that was fetched. */
  readonly offset: number;
  /**
   * The offset after its last one: from the next batch, or from itself when its checksum is right.
   * Undefined: only more of the log can tell.
   */
  readonly next: number | undefined;
  /** Nothing in the log says where it ends. */
  readonly endless: boolean;
  /** For log lines: `its checksum is wrong`. */
  readonly why: string;
  /** The whole batch, as it is in the log. */
  readonly bytes: Uint8Array;
}

/** The same, when its place and its end are known. */
export type LocatedUnreadable = Unreadable & {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
};

/** A reader has met a batch that it cannot read. Repeating will not help. */
export class UnreadableBatch extends Error {
  override readonly name = "UnreadableBatch";
}

/** `orders.raw/3 offsets 12 to 45 cannot be read: its checksum is wrong`. */
export function describeUnreadable(
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

/** The way past a batch whose end is unknown. */
export const ENDLESS =
  "where it ends is not known. Let another replica lead, or delete the records " +
  "up to one that can be read (kafka-delete-records.sh)";

/** Of a record of a fetch; undefined when it is an ordinary one. */
export function unreadableOf(record: object): Unreadable | undefined {
  return (record as { unreadable?: Unreadable }).unreadable;
}
