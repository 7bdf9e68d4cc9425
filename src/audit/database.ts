/** The audit's database: a SQLite file of its own, filled in bulk. */
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

/**
 * A cache of 64 MiB; what does not fit is on disk, sorting included. The file is new, and only ours; its
 * journal stays small, since pages that a transaction adds are not in it.
 */
const PRAGMAS = `
pragma page_size = 16384;
pragma synchronous = off;
pragma locking_mode = exclusive;
pragma cache_size = -65536;
pragma temp_store = file;
`;

/** SQLite allows 32,766 values in a statement; more rows in one gain nothing from here on. */
const ROWS_AT_ONCE = 40;

/** @param path a file that is not there yet; large sorts take as much again in its folder */
export function openAuditDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(PRAGMAS);
  // Else SQLite takes /var/tmp or /tmp, which may be small, or read-only in a container.
  if (path !== ":memory:") {
    const folder = dirname(path).replaceAll("'", "''");
    database.exec(`pragma temp_store_directory = '${folder}'`);
  }
  return database;
}

/** Inserts rows into a table, many in one statement; call `flush` at the end. */
export class BulkInsert {
  readonly #insert: (rows: number) => StatementSync;
  readonly #width: number;
  readonly #values: SQLInputValue[] = [];
  #many: StatementSync | undefined;

  constructor(database: DatabaseSync, table: string, columns: readonly string[]) {
    const names = columns.map((column) => `"${column}"`).join(", ");
    const row = `(${columns.map(() => "?").join(", ")})`;
    this.#width = columns.length;
    this.#insert = (rows) =>
      database.prepare(
        `insert into ${table} (${names}) values ${Array(rows).fill(row).join(", ")}`,
      );
  }

  /** @param row in the order of the columns */
  add(row: readonly SQLInputValue[]): void {
    for (const value of row) this.#values.push(value);
    if (this.#values.length < this.#width * ROWS_AT_ONCE) return;
    this.#many ??= this.#insert(ROWS_AT_ONCE);
    this.#many.run(...this.#values);
    this.#values.length = 0;
  }

  flush(): void {
    if (this.#values.length === 0) return;
    this.#insert(this.#values.length / this.#width).run(...this.#values);
    this.#values.length = 0;
  }
}
