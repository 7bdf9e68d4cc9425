/**
 * The filter of a read_committed fetch. The broker answers with aborted records in it, and a list of
 * their transactions: producer and first offset of each. Where one ends, its abort marker says. The
 * list is in the order of the markers: https://kafka.apache.org/protocol#The_Messages_Fetch
 */
import { replaceModule } from "./replace_module.ts";

/**
 * kafkajs expects the list of aborted transactions in the order of their first offsets, and looks at
 * one of them a record at most. When two overlap in a partition, as after a killed member, records of
 * one pass as committed.
 */
export function patchReadCommitted(): void {
  replaceModule(
    "kafkajs/src/consumer/filterAbortedMessages.js",
    ({ messages, abortedTransactions }: {
      messages: Fetched[];
      abortedTransactions: AbortedTransaction[] | null;
    }) => withoutAborted(messages, abortedTransactions),
  );
}

/** A record, as far as it matters here. */
export interface Fetched {
  readonly offset: string;
  readonly key?: Uint8Array | null;
  readonly isControlRecord?: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/**
 * The records, in the order of their offsets, without those of aborted transactions. Control records
 * stay.
 *
 * @param aborted in any order; null where there are none
 */
export function withoutAborted<T extends Fetched>(
  records: readonly T[],
  aborted: readonly AbortedTransaction[] | null,
): T[] {
  if (!aborted?.length) return [...records];
  const toCome = aborted
    .map(({ producerId, firstOffset }) => ({ producerId, from: Number(firstOffset) }))
    .sort((a, b) => b.from - a.from);
  // A producer has one transaction at a time.
  const aborting = new Set<string>();
  return records.filter((record) => {
    const offset = Number(record.offset);
    while (toCome.length > 0 && toCome.at(-1)!.from <= offset) {
      aborting.add(toCome.pop()!.producerId);
    }
    const { producerId, inTransaction } = record.batchContext;
    if (isAbortMarker(record)) aborting.delete(producerId);
    return record.isControlRecord || !inTransaction || !aborting.has(producerId);
  });
}

/** A control record's key: its version, then its type, two bytes each; type 0 is an abort. */
function isAbortMarker({ isControlRecord, key }: Fetched): boolean {
  return isControlRecord === true && key?.[2] === 0 && key[3] === 0;
}
