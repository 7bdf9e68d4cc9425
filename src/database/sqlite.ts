/**
 * `Database` in an SQLite file: nothing to install, several processes at once (WAL).
 *
 * SQLite has one writer at a time: a transaction takes the write lock at its beginning and needs no row
 * locks. Statements run synchronously, but the wait for a lock that another process holds is
 * asynchronous, so that heartbeats go on. A killed writer releases the lock at once; a frozen one
 * (SIGSTOP) holds it until it is thawed or killed, and the others get a RetryableError until then.
 */
import { dirname } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Failure, RetryableError } from "../runtime/errors.ts";
import {
  type Database,
  keyOf,
  pushValues,
  type Row,
  runBegun,
  runTransaction,
  type Session,
  type Table,
  type TransactionCall,
} from "./database.ts";
import { migrate, type MigrationBackend, type VersionedTables } from "./migrations.ts";
import { batched } from "../runtime/batched.ts";
import {
  causeOf,
  connect,
  type Renewable,
  renewable,
  translated,
  whenFree,
} from "./sqlite_connection.ts";

/** Rows in one INSERT: more than twice as fast as one by one. */
const INSERT_ROWS = 50;

/**
 * Opens the file, creates it and its directory unless they exist, and brings the tables to the present
 * version. Later on nothing is created: a file or a table that disappears is not replaced by an empty
 * one.
 *
 * @throws {RetryableError} other processes keep it locked, or the disk is full
 * @throws {Failure} it cannot be opened, is damaged, or is no database; see also `migrate`
 */
export async function openSqlite(
  path: string,
  versioned: readonly VersionedTables[],
  { note }: { note?: (line: string) => void } = {},
): Promise<Database> {
  await prepare(path, versioned, note);
  const writer = renewable(path, (connection) => {
    connection.prepare("pragma synchronous = normal").run();
    return openSession(path, connection);
  });
  /** A connection of its own, which sees nothing of an open transaction. */
  const reader = renewable(path, (connection) => connection);
  let closed = false;

  /** One at a time; those that wait are committed together: a commit writes whole pages. */
  const transact = batched((calls: readonly TransactionCall[]) =>
    commitTogether(path, writer, calls)
  );
  /** Answered when all before it are. */
  let last: Promise<unknown> = Promise.resolve();

  async function read(sql: string, ...parameters: (string | number)[]) {
    if (closed) throw new RetryableError(`${path} is closed`);
    try {
      return await whenFree(path, () => rowsOf(reader.get().prepare(sql), ...parameters));
    } catch (error) {
      reader.failed(error);
      throw error;
    }
  }

  return {
    async transaction(work, options) {
      if (closed) throw new RetryableError(`${path} is closed`);
      const running = transact({ work, options });
      last = running;
      const outcome = await running;
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value as Awaited<ReturnType<typeof work>>;
    },
    async *scan(table, pageSize = 10_000) {
      const { from, key, columns } = parts(table);
      let after: string | undefined;
      while (true) {
        const where = after === undefined ? "" : `where ${key} > ?`;
        const sql = `select ${columns} from ${from} ${where} order by ${key} limit ?`;
        const parameters = after === undefined ? [pageSize] : [after, pageSize];
        const rows = await read(sql, ...parameters) as Row<typeof table>[];
        if (rows.length > 0) yield rows;
        if (rows.length < pageSize) return;
        after = keyOf(table, rows.at(-1)!);
      }
    },
    async count(table) {
      const [row] = await read(`select count(*) as n from ${parts(table).from}`);
      return row!.n as number;
    },
    async close() {
      if (closed) return;
      closed = true;
      await last;
      reader.close();
      writer.close();
    },
  };
}

type Outcome = PromiseSettledResult<unknown>;

async function commitTogether(
  path: string,
  writer: Renewable<Session>,
  calls: readonly TransactionCall[],
): Promise<Outcome[]> {
  let session: Session | undefined;
  try {
    session = await begun(path, writer);
    const values = await runBegun(session, calls);
    return values.map((value) => ({ status: "fulfilled", value }));
  } catch (error) {
    writer.failed(error);
    // Where it could not begin, none of them is at fault, and each would wait for the lock again.
    if (session === undefined || calls.length === 1) {
      return calls.map(() => ({ status: "rejected", reason: error }));
    }
    const outcomes: Outcome[] = [];
    for (const call of calls) outcomes.push(...await commitTogether(path, writer, [call]));
    return outcomes;
  }
}

async function begun(path: string, writer: Renewable<Session>): Promise<Session> {
  // A new connection looks into the file, too, which another process may just be opening or closing.
  return await whenFree(path, () => {
    const session = writer.get();
    session.begin();
    return session;
  });
}

async function prepare(
  path: string,
  versioned: readonly VersionedTables[],
  note?: (line: string) => void,
): Promise<void> {
  const connection = await Deno.mkdir(dirname(path), { recursive: true })
    .then(() => connect(path))
    .catch((error) => {
      const message = `SQLite cannot open ${path}: ${error.message}; see DATA_DIR`;
      throw new Failure(message, { cause: error });
    });
  try {
    await whenFree(path, () => connection.prepare("pragma journal_mode = wal").run());
    const backend = migrationBackend(path, connection);
    for (const each of versioned) await migrate(backend, each, note);
  } catch (error) {
    const { message, cause } = error as Error;
    throw causeOf(cause)?.lasting ? new Failure(message, { cause: error }) : error;
  } finally {
    connection.close();
  }
}

function migrationBackend(path: string, connection: DatabaseSync): MigrationBackend {
  const query = (sql: string) => whenFree(path, () => connection.prepare(sql).all());
  const execute = (sql: string) =>
    translated(path, () => {
      const statement = connection.prepare(sql);
      // SQLite leaves out what follows.
      if (statement.sourceSQL.trim() === sql.trim()) return statement.run();
      throw new TypeError(`one statement each, please, and not: ${sql}`);
    });
  return {
    kind: "sqlite",
    label: `SQLite at ${path}`,
    query,
    columnsSql: "select t.name as table_name, c.name as column_name" +
      " from sqlite_schema as t, pragma_table_info(t.name) as c where t.type in ('table', 'view')",
    migrationsTable: '"migrations"',
    afterMigrationsTable: [],
    createTable,
    locked: (work) => runTransaction(openSession(path, connection), () => work({ query, execute })),
  };
}

/** The identifiers of a table, quoted. */
function parts({ name, key, columns }: Table) {
  return { from: `"${name}"`, key: `"${key}"`, columns: Object.keys(columns).map((c) => `"${c}"`) };
}

function createTable(table: Table): string {
  const columns = Object.entries(table.columns).map(([name, type]) =>
    `"${name}" ${type === "integer" ? "integer" : "text"}` +
    (name === table.key ? " not null primary key" : "")
  );
  return `create table if not exists ${parts(table).from} (${columns.join(", ")})` +
    " strict, without rowid";
}

type Value = string | number | null;

/** Deno has it, its types do not. */
type ArrayStatement = StatementSync & { setReturnArrays(enabled: boolean): void };

/** Arrays of values become rows here: SQLite's own objects take twice as long. */
function rowsOf(statement: StatementSync, ...parameters: (string | number)[]) {
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

function openSession(path: string, connection: DatabaseSync): Session {
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
