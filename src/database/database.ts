/**
 * The one interface to the databases: batches of rows by text key, in transactions. SQLite (a file for
 * each owner) and PostgreSQL (a schema for each owner) implement it, and pass the same tests.
 *
 * It is small on purpose: services read and write whole batches, in one round trip for each table, and
 * have no SQL of their own.
 */
import { RetryableError } from "../runtime/errors.ts";

/**
 * What a column holds: `integer` is a safe integer (money in cents included), any other number is
 * refused; `text` is well-formed Unicode without NUL, also JSON.
 */
type ColumnType = "text" | "integer";

/**
 * A table: its key is the first column, and is text. All other columns may be null. Keys are compared
 * bytewise (UTF-8).
 *
 * A reader may declare fewer columns than the table has; a scan gets these, a select whole rows.
 */
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
   *
   * A missing row cannot be locked: two transactions that find none both go on. So either insert the rows,
   * with `lock`; or first lock existing rows that both need, such as
   * the stock of the order's products. After a lock, a select sees what its previous holder committed.
   * (SQLite has one writer at a time and needs none of this; write for PostgreSQL.)
   */
  select<T extends Table>(
    table: T,
    keys: readonly string[],
    options?: { lock?: boolean },
  ): Promise<Row<T>[]>;

  /**
   * Inserts rows; a row whose key exists, also from the same batch, changes nothing.
   *
   * @returns the rows that existed before, in no particular order, with `lock` as `select` has them: what
   * `select` would find of these keys now, but for the rows that are new
   */
  insert<T extends Table>(
    table: T,
    rows: readonly Row<T>[],
    options?: { lock?: boolean },
  ): Promise<Row<T>[]>;

  /** Inserts rows, and replaces those whose key exists; of equal keys in a batch the last one counts. */
  upsert<T extends Table>(table: T, rows: readonly Row<T>[]): Promise<void>;

  /**
   * Replaces rows that exist, each only while it has in the column `same` what its replacement has there
   * (null is like nothing); of equal keys in a batch the last one counts. Rows are locked in key order.
   *
   * @returns the keys of those that were not replaced
   */
  update<T extends Table>(
    table: T,
    rows: readonly Row<T>[],
    same: keyof T["columns"] & string,
  ): Promise<Set<string>>;
}

export interface TransactionOptions {
  /** See `Database.transaction`. */
  readonly single?: boolean;
}

export interface Database {
  /**
   * Runs `work` in one transaction: all of it happens, or nothing. It is committed when `work` returns,
   * and rolled back when it throws; the error is passed on. SQLite runs several one after the other, so
   * none may wait for another; it commits those that wait together, and runs each again, by itself, when
   * one of them fails; where they cannot even begin, all are refused.
   *
   * With `single`, `work` takes one step at most: PostgreSQL then does it in one round trip instead of three.
   *
   * `work` should await nothing but its `tx`: others wait for its locks. The caller may run it again
   * after a RetryableError, also when it was committed and only the answer got lost.
   *
   * @throws {RetryableError} the database does not answer, is locked, full, damaged or read-only, or
   * lacks the table: nothing that a row's values can cause (see blame.ts)
   * @throws {TypeError} a bug: the statement is wrong
   * @throws {Error} a value of a row is refused
   */
  transaction<T>(
    work: (tx: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;

  /** All rows in key order, in pages of at most `pageSize` (default: 10,000), in no transaction. */
  scan<T extends Table>(table: T, pageSize?: number): AsyncIterable<Row<T>[]>;

  /** How many rows the table has. */
  count(table: Table): Promise<number>;

  /** Waits for running transactions; later ones are refused. */
  close(): Promise<void>;
}

/** One open connection to a backend, used by one transaction at a time. */
export interface Session extends BegunTransaction {
  begin(): Promise<void>;
}

/** A transaction that has begun, and can be ended. */
export interface BegunTransaction extends Transaction {
  commit(): Promise<void>;
  /** Never rejects: the caller already has an error to throw. */
  rollback(): Promise<void>;
}

/** Runs `work` in one transaction of `session`, see Database.transaction; the same for every backend. */
export async function runTransaction<T>(
  session: Session,
  work: (tx: Transaction) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> {
  await session.begin();
  const [result] = await runBegun(session, [{ work, options }]);
  return result as T;
}

/** What `Database.transaction` is called with. */
export interface TransactionCall {
  readonly work: (tx: Transaction) => Promise<unknown>;
  readonly options: TransactionOptions | undefined;
}

/** Runs several, one after the other, in the transaction that has begun, and ends it: where one fails, all do. */
export async function runBegun(
  session: BegunTransaction,
  calls: readonly TransactionCall[],
): Promise<unknown[]> {
  const results: unknown[] = [];
  try {
    for (const call of calls) results.push(await runSteps(session, call));
    await session.commit();
  } catch (error) {
    await session.rollback();
    throw error;
  }
  return results;
}

/**
 * A failed step dooms the transaction even when the work swallows the error; once the work is over, its
 * `tx` is refused.
 */
async function runSteps(
  session: BegunTransaction,
  { work, options }: TransactionCall,
): Promise<unknown> {
  const { single = false } = options ?? {};
  let over = false;
  let steps = 0;
  let failure: { error: unknown } | undefined;
  const step = async <R>(run: () => Promise<R>): Promise<R> => {
    if (over) throw new TypeError("this transaction is over: await every step before returning");
    try {
      if (++steps > 1 && single) throw new TypeError("this transaction has one step at most");
      return await run();
    } catch (error) {
      failure ??= { error };
      throw error;
    }
  };
  try {
    const result = await work({
      select: (table, keys, options) =>
        step(() => keys.length > 0 ? session.select(table, keys, options) : Promise.resolve([])),
      insert: (table, rows, options) =>
        step(() => rows.length > 0 ? session.insert(table, rows, options) : Promise.resolve([])),
      upsert: (table, rows) =>
        step(() => rows.length > 0 ? session.upsert(table, rows) : Promise.resolve()),
      update: (table, rows, same) =>
        step(() =>
          rows.length > 0 ? session.update(table, rows, same) : Promise.resolve(new Set())
        ),
    });
    if (failure) throw failure.error;
    return result;
  } finally {
    over = true;
  }
}

export function keyOf<T extends Table>(table: T, row: Row<T>): string {
  return (row as Record<string, string>)[table.key]!;
}

/**
 * Appends the values of one row, in the order of `columns`.
 *
 * @throws {Error} a number that is no safe integer: not every backend could give it back unchanged
 */
export function pushValues<T extends Table>(
  values: (string | number | null)[],
  table: T,
  columns: readonly string[],
  row: Row<T>,
): void {
  const record = row as Record<string, string | number | null>;
  for (const column of columns) {
    const value = record[column] as string | number | null;
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new Error(`${table.name}.${column}: ${value} is not a safe integer`);
    }
    values.push(value);
  }
}

/**
 * The JSON in a text column.
 *
 * @throws {RetryableError} it is no JSON: see `unreadable`
 */
export function jsonIn<T extends Table, V>(
  table: T,
  row: Row<T>,
  column: keyof T["columns"] & string,
): V {
  const text = (row as Record<string, unknown>)[column];
  try {
    if (typeof text === "string") return JSON.parse(text);
  } catch { /* thrown below */ }
  throw unreadable(table, row, column);
}

/** For a row that no service has written like this: neither an order nor the code is at fault. */
export function unreadable<T extends Table>(table: T, row: Row<T>, column: string): RetryableError {
  const value = JSON.stringify((row as Record<string, unknown>)[column])?.slice(0, 80);
  return new RetryableError(
    `table ${table.name}: the row of ${keyOf(table, row)} cannot be read: ${column} is ${value}; ` +
      "restore what was there",
  );
}
