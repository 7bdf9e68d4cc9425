/** Rows as the backends need them: their key, and their values in the order of the columns. */
import { type Row, type Table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";

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
