/**
 * The one interface to the databases: batches of rows by text key, in transactions. Two
 * implementations, SQLite (a file an owner) and PostgreSQL (a schema an owner), one contract suite.
 *
 * It is small on purpose: what the services need are whole batches, looked up and written in one
 * round trip a table, never SQL of their own.
 */

/** What a column holds: `integer` is a safe integer (money in cents included), `text` also JSON. */
export type ColumnType = "text" | "integer";

/** A table: its key is the first column, and is text. All other columns may be null. */
export interface Table<C extends Record<string, ColumnType> = Record<string, ColumnType>> {
  readonly name: string;
  readonly key: keyof C & string;
  readonly columns: C;
}

type Value<T extends ColumnType> = T extends "text" ? string : number;

/** One row: the key is never null. */
export type Row<T extends Table> = T extends Table<infer C>
  ? { -readonly [K in keyof C]: K extends T["key"] ? string : Value<C[K]> | null }
  : never;

/** Declares a table; the first column of `columns` is its key. */
export function table<const C extends Record<string, ColumnType>, const K extends keyof C & string>(
  name: string,
  key: K,
  columns: C,
): { readonly name: string; readonly key: K; readonly columns: C } {
  return { name, key, columns };
}

export interface Transaction {
  /**
   * The rows whose key is in `keys`, in no particular order; keys without a row are left out.
   * With `lock`, no other transaction changes or locks these rows until this one ends; rows are
   * locked in key order, so that two transactions cannot wait for each other.
   */
  select<T extends Table>(
    table: T,
    keys: readonly string[],
    options?: { lock?: boolean },
  ): Promise<Row<T>[]>;

  /** Inserts rows; one whose key is there already changes nothing. */
  insert<T extends Table>(table: T, rows: readonly Row<T>[]): Promise<void>;

  /** Inserts rows, replacing those whose key is there already. */
  upsert<T extends Table>(table: T, rows: readonly Row<T>[]): Promise<void>;
}

export interface Database {
  /**
   * Runs `work` in one transaction: all of it happens, or nothing. Committed when it returns; rolled
   * back when it throws, and the error passed on.
   *
   * @throws {Unavailable} the database does not answer, is locked, or chose this transaction to
   * resolve a deadlock: the same call may succeed later
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;

  /** All rows in key order, in pages of at most `pageSize` (10,000); outside of any transaction. */
  scan<T extends Table>(table: T, pageSize?: number): AsyncIterable<Row<T>[]>;

  /** How many rows the table has. */
  count(table: Table): Promise<number>;

  close(): Promise<void>;
}

/** Something that this program depends on does not answer; the same call may succeed later. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}
