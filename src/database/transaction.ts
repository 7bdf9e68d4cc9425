/**
 * What a transaction means, the same for every backend: all of it happens, or nothing; a failed step
 * dooms it even when `work` swallows the error; once it is over, its `tx` does nothing any more.
 * A backend only says how to begin, commit, roll back, and do one step.
 */
import type { Transaction } from "./database.ts";

/** One open connection to a backend, used by one transaction at a time. */
export interface Session extends Transaction {
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** Never rejects: whoever rolls back has an error in hand already. */
  rollback(): Promise<void>;
}

/** Runs `work` in one transaction of `session`; see Database.transaction. */
export async function runTransaction<T>(
  session: Session,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  let over = false;
  let failure: { error: unknown } | undefined;
  const step = async <R>(run: () => Promise<R>): Promise<R> => {
    if (over) throw new TypeError("this transaction is over: await every step before returning");
    try {
      return await run();
    } catch (error) {
      failure ??= { error };
      throw error;
    }
  };
  const tx: Transaction = {
    select: (table, keys, options) =>
      step(() => keys.length > 0 ? session.select(table, keys, options) : Promise.resolve([])),
    insert: (table, rows) =>
      step(() => rows.length > 0 ? session.insert(table, rows) : Promise.resolve(new Set())),
    upsert: (table, rows) =>
      step(() => rows.length > 0 ? session.upsert(table, rows) : Promise.resolve()),
  };
  await session.begin();
  try {
    const result = await work(tx);
    over = true;
    if (failure) throw failure.error;
    await session.commit();
    return result;
  } catch (error) {
    over = true;
    await session.rollback();
    throw error;
  }
}
