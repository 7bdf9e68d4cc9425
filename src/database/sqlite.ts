/**
 * `Database` in an SQLite file: nothing to install, several processes at once (WAL).
 *
 * SQLite has one writer at a time: a transaction takes the write lock at its beginning and needs no row
 * locks. Statements run synchronously, but the wait for a lock that another process holds is
 * asynchronous, so that heartbeats go on. A killed writer releases the lock at once; a frozen one
 * (SIGSTOP) holds it until it is thawed or killed, and the others get a RetryableError until then.
 */
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Failure, RetryableError } from "../runtime/errors.ts";
import {
  type BegunTransaction,
  type Database,
  keyOf,
  type Row,
  runBegun,
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
import { begun, openSession, parts, rowsOf, type SqliteSession } from "./sqlite_session.ts";

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
  writer: Renewable<SqliteSession>,
  calls: readonly TransactionCall[],
): Promise<Outcome[]> {
  let tx: BegunTransaction | undefined;
  try {
    // A new connection looks into the file, too, which another process may just be opening or closing.
    tx = await begun(path, () => writer.get());
    const values = await runBegun(tx, calls);
    return values.map((value) => ({ status: "fulfilled", value }));
  } catch (error) {
    writer.failed(error);
    // Where it could not begin, none of them is at fault, and each would wait for the lock again.
    if (tx === undefined || calls.length === 1) {
      return calls.map(() => ({ status: "rejected", reason: error }));
    }
    const outcomes: Outcome[] = [];
    for (const call of calls) outcomes.push(...await commitTogether(path, writer, [call]));
    return outcomes;
  }
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
    async locked(work) {
      const tx = await begun(path, () => openSession(path, connection));
      await runBegun(tx, [{ work: () => work({ query, execute }), options: undefined }]);
    },
  };
}

function createTable(table: Table): string {
  const columns = Object.entries(table.columns).map(([name, type]) =>
    `"${name}" ${type === "integer" ? "integer" : "text"}` +
    (name === table.key ? " not null primary key" : "")
  );
  return `create table if not exists ${parts(table).from} (${columns.join(", ")})` +
    " strict, without rowid";
}
