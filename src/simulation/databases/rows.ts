/** The rows of one owner's tables, in memory: what statements do, at once. Transactions are one after another. */
import { keyOf, pushValues, type Row, type Table } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";

type Fields = Record<string, string | number | null>;
type Rows = Map<string, Fields>;

interface StoredTable {
  readonly empty: Fields;
  readonly rows: Rows;
  /** In order; as many as there were when they were sorted. Rows are never deleted. */
  sorted: readonly string[];
}

export class DatabaseRows {
  readonly #tables = new Map<string, StoredTable>();

  constructor(readonly owner: string) {}

  /** Creates those that are missing. */
  create(tables: readonly Table[]): void {
    for (const { name, columns } of tables) {
      if (this.#tables.has(name)) continue;
      const empty = Object.fromEntries(Object.keys(columns).map((column) => [column, null]));
      this.#tables.set(name, { empty, rows: new Map(), sorted: [] });
    }
  }

  begin(): RowTransaction {
    return new RowTransaction(this);
  }

  /** Committed rows behind that with the key `after`, in the order of their keys, with the columns of `table`. */
  page<T extends Table>(table: T, after: string | undefined, size: number): Row<T>[] {
    const stored = this.named(table);
    const { rows } = stored;
    if (stored.sorted.length < rows.size) stored.sorted = sortedKeys(rows);
    const { sorted } = stored;
    const begin = after === undefined ? 0 : sorted.indexOf(after) + 1;
    const columns = Object.keys(table.columns);
    return sorted.slice(begin, begin + size).map((key) => {
      const row = rows.get(key)!;
      return Object.fromEntries(columns.map((column) => [column, row[column]])) as Row<T>;
    });
  }

  count(table: Table): number {
    return this.named(table).rows.size;
  }

  /** @throws {RetryableError} there is none */
  named({ name }: Table): StoredTable {
    const found = this.#tables.get(name);
    if (!found) throw new RetryableError(`database ${this.owner}: no such table: ${name}`);
    return found;
  }
}

/** What one transaction sees and writes; nobody else does before `commit`. */
export class RowTransaction {
  /** Keys of a table that were written. */
  readonly #written = new Map<Table["name"], { readonly to: Rows; readonly rows: Rows }>();

  constructor(private readonly of: DatabaseRows) {}

  select<T extends Table>(table: T, keys: readonly string[]): Row<T>[] {
    const { rows } = this.of.named(table);
    const written = this.#written.get(table.name)?.rows;
    const found: Row<T>[] = [];
    for (const key of new Set(keys)) {
      const row = written?.get(key) ?? rows.get(key);
      if (row) found.push({ ...row } as Row<T>);
    }
    return found;
  }

  insert<T extends Table>(table: T, rows: readonly Row<T>[]): Row<T>[] {
    check(table, rows);
    const existing = this.select(table, rows.map((row) => keyOf(table, row)));
    const keys = new Set(existing.map((row) => keyOf(table, row)));
    const { empty } = this.of.named(table);
    const written = this.#rowsOf(table);
    for (const row of rows) {
      const key = keyOf(table, row);
      if (keys.has(key)) continue;
      keys.add(key);
      written.set(key, { ...empty, ...row });
    }
    return existing;
  }

  upsert<T extends Table>(table: T, rows: readonly Row<T>[]): void {
    check(table, rows);
    const { empty, rows: committed } = this.of.named(table);
    const written = this.#rowsOf(table);
    for (const row of rows) {
      const key = keyOf(table, row);
      written.set(key, { ...(written.get(key) ?? committed.get(key) ?? empty), ...row });
    }
  }

  update<T extends Table>(table: T, rows: readonly Row<T>[], same: string): Set<string> {
    const others = new Set<string>();
    for (const row of rows) {
      const key = keyOf(table, row);
      const [found]: Fields[] = this.select(table, [key]);
      const wanted = (row as Fields)[same];
      if (found && wanted !== null && found[same] === wanted) this.upsert(table, [row]);
      else others.add(key);
    }
    return others;
  }

  commit(): void {
    for (const { to, rows } of this.#written.values()) {
      for (const [key, row] of rows) to.set(key, row);
    }
  }

  #rowsOf(table: Table): Rows {
    let written = this.#written.get(table.name);
    if (!written) {
      written = { to: this.of.named(table).rows, rows: new Map() };
      this.#written.set(table.name, written);
    }
    return written.rows;
  }
}

/** @throws {Error} a number that is no safe integer, as from every backend */
function check<T extends Table>(table: T, rows: readonly Row<T>[]): void {
  const columns = Object.keys(table.columns);
  const values: (string | number | null)[] = [];
  for (const row of rows) pushValues(values, table, columns, row);
}

/** Where JavaScript's order is that of UTF-8's bytes. */
// deno-lint-ignore no-control-regex
const PLAIN = /^[\u0000-\ud7ff]*$/;

function sortedKeys(rows: Rows): string[] {
  const keys = [...rows.keys()];
  return keys.sort(keys.every((key) => PLAIN.test(key)) ? compare : bytewise);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
