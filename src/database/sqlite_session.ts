/** One connection to an SQLite file as transactions use it: its statements, prepared once each. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type BegunTransaction, keyOf, pushValues, type Row, type Table } from "./database.ts";
import { translated, whenFree } from "./sqlite_connection.ts";

/** Rows in one INSERT: more than twice as fast as one by one. */
const INSERT_ROWS = 50;

/** Begins a transaction as soon as no other process holds the lock, see `whenFree`. */
export async function begun(path: string, session: () => SqliteSession): Promise<BegunTransaction> {
  return await whenFree(path, () => {
    const opened = session();
    opened.begin();
    return opened;
  });
}

/** The identifiers of a table, quoted. */
export function parts({ name, key, columns }: Table) {
  return { from: `"${name}"`, key: `"${key}"`, columns: Object.keys(columns).map((c) => `"${c}"`) };
}

type Value = string | number | null;

/** Deno has it, its types do not. */
type ArrayStatement = StatementSync & { setReturnArrays(enabled: boolean): void };

/** Arrays of values become rows here: SQLite's own objects take twice as long. */
export function rowsOf(statement: StatementSync, ...parameters: (string | number)[]) {
  (statement as ArrayStatement).setReturnArrays(true);
  const found = statement.all(...parameters) as unknown as Value[][];
  // Each time: somebody may have added a column.
  const names = statement.columns().map(({ name }) => name);
  return found.map((values) => {
    const row: Record<string, Value> = {};
    for (let i = 0; i < names.length; i++) row[names[i]!] = values[i]!;
    return row;
  });
}

function updateSql(table: Table, same: string): string {
  const { from, key, columns } = parts(table);
  const set = columns.map((column) => `${column} = ?`);
  return `update ${from} set ${set} where ${key} = ? and "${same}" = ?`;
}

/** Its `begin` throws at once while another process holds the lock: see `begun`. */
export type SqliteSession = BegunTransaction & { begin(): void };

/** Prepares what every transaction needs; a lock that is in the way throws, as with `begin`. */
export function openSession(path: string, connection: DatabaseSync): SqliteSession {
  const begin = connection.prepare("begin immediate");
  const commit = connection.prepare("commit");
  const rollback = connection.prepare("rollback");
  const statements = new Map<string, StatementSync>();

  function prepared(sql: string): StatementSync {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, statement = connection.prepare(sql));
    return statement;
  }

  function select<T extends Table>(table: T, keys: readonly string[]): Row<T>[] {
    const { from, key } = parts(table);
    const statement = prepared(
      `select t.* from json_each(?) as wanted cross join ${from} as t on t.${key} = wanted.value`,
    );
    return rowsOf(statement, JSON.stringify([...new Set(keys)])) as Row<T>[];
  }

  function write<T extends Table>(table: T, rows: readonly Row<T>[], onConflict: string): void {
    const { from, columns } = parts(table);
    const names = Object.keys(table.columns);
    const marks = `(${columns.map(() => "?")})`;
    for (let i = 0; i < rows.length; i += INSERT_ROWS) {
      const chunk = rows.slice(i, i + INSERT_ROWS);
      const values: Value[] = [];
      for (const row of chunk) pushValues(values, table, names, row);
      const allMarks = chunk.map(() => marks).join();
      prepared(`insert into ${from} (${columns}) values ${allMarks} ${onConflict}`).run(...values);
    }
  }

  return {
    begin: () => void begin.run(),
    commit: () => translated(path, () => void commit.run()),
    rollback: () => {
      // After some errors, such as a full disk, SQLite has already rolled back.
      if (connection.isTransaction) rollback.run();
      return Promise.resolve();
    },
    select: (table, keys) => translated(path, () => select(table, keys)),
    insert: (table, rows) =>
      translated(path, () => {
        // Nobody else writes meanwhile; `returning` would take twice as long.
        const existing = select(table, rows.map((row) => keyOf(table, row)));
        const keys = new Set(existing.map((row) => keyOf(table, row)));
        const fresh = keys.size === 0 ? rows : rows.filter((row) => !keys.has(keyOf(table, row)));
        write(table, fresh, `on conflict (${parts(table).key}) do nothing`);
        return existing;
      }),
    upsert(table, rows) {
      const { key, columns } = parts(table);
      const set = columns.map((column) => `${column} = excluded.${column}`);
      const onConflict = `on conflict (${key}) do update set ${set}`;
      return translated(path, () => write(table, rows, onConflict));
    },
    update: (table, rows, same) =>
      translated(path, () => {
        const statement = prepared(updateSql(table, same));
        const others = new Set<string>();
        for (const row of rows) {
          const values: Value[] = [];
          pushValues(values, table, [...Object.keys(table.columns), table.key, same], row);
          if (statement.run(...values).changes === 0) others.add(keyOf(table, row));
        }
        return others;
      }),
  };
}
