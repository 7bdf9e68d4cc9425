/** Rows as the backends read them: their key, and their values in the order of the columns. */
import { type Row, type Table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";

export function keyOf<T extends Table>(table: T, row: Row<T>): string {
  return (row as Record<string, string>)[table.key]!;
}

/**
 * The values of one row in the order of `columns`, as a database can take them.
 *
 * @throws {Error} an integer column holds what every backend could not give back unchanged
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
 * What a text column holds as JSON.
 *
 * @throws {RetryableError} as `unreadable`
 */
export function jsonIn<T extends Table, V>(
  table: T,
  row: Row<T>,
  column: keyof T["columns"] & string,
): V {
  const text = (row as Record<string, unknown>)[column];
  try {
    if (typeof text === "string") return JSON.parse(text);
  } catch { /* said below */ }
  throw unreadable(table, row, column);
}

/** Of a row that holds what nobody here wrote: neither an order nor the code is to blame for it. */
export function unreadable<T extends Table>(table: T, row: Row<T>, column: string): RetryableError {
  const value = JSON.stringify((row as Record<string, unknown>)[column])?.slice(0, 80);
  return new RetryableError(
    `table ${table.name}: the row of ${keyOf(table, row)} cannot be read: ${column} is ${value}; ` +
      "restore what was there",
  );
}
