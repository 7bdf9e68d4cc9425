/** Rows as the backends read them: their key, and their values in the order of the columns. */
import type { Row, Table } from "./database.ts";

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
