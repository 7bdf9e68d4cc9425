/**
 * `Database` in an SQLite file: nothing to install, several processes at once (WAL).
 *
 * SQLite has one writer at a time, so that a transaction takes the write lock at its beginning and
 * needs no row locks. Statements run synchronously and block the event loop for their own time only:
 * for a lock that another process holds, we wait asynchronously, and heartbeats go on. A writer that
 * was killed lets go of the lock at once; one that was frozen (SIGSTOP) in its few milliseconds of
 * transaction holds it until it is thawed or killed, and the others are Unavailable until then.
 */
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Failure } from "../runtime/program.ts";
import { pause } from "../runtime/stop.ts";
import { waits } from "../runtime/waits.ts";
import { type Database, type Row, type Table, Unavailable } from "./database.ts";
import { keyOf, pushValues } from "./rows.ts";
import { runTransaction, type Session } from "./transaction.ts";

/** How long to wait for another process's transaction, and between two attempts. */
const LOCK_WAIT_MS = 2_000;
const LOCK_RETRY_MS = 2;
/** Rows in one INSERT: more than twice as fast as row by row. */
const INSERT_ROWS = 50;

/**
 * Opens the file, creating it, its directory and the tables where they are not there yet.
 *
 * @throws {Unavailable} other processes keep it locked
 * @throws {Failure} it can't be opened
 * @throws {Error} it is no database
 */
export async function openSqlite(path: string, tables: readonly Table[]): Promise<Database> {
  await Deno.mkdir(dirname(path), { recursive: true }).catch((error) => {
    throw cannotOpen(path, error);
  });
  const writer = connect(path);
  let reader: DatabaseSync | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  /** Runs `work` when all before it is done: a connection has one transaction at a time. */
  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  }

  /** A connection of its own, which sees what is committed, and nothing of an open transaction. */
  function reading(): DatabaseSync {
    if (closed) throw new Error(`${path} is closed`);
    return reader ??= connect(path);
  }

  try {
    await whenFree(path, () => {
      writer.exec("pragma journal_mode = wal; pragma synchronous = normal");
    });
    const session = openSession(path, writer);
    await runTransaction(session, () => {
      for (const table of tables) writer.exec(createTable(table));
      return Promise.resolve();
    });
    return {
      transaction(work) {
        if (closed) return Promise.reject(new Error(`${path} is closed`));
        return exclusive(() => runTransaction(session, work));
      },
      async *scan(table, pageSize = 10_000) {
        const { from, key } = parts(table);
        let after: string | undefined;
        while (true) {
          const where = after === undefined ? "" : `where ${key} > ?`;
          const sql = `select * from ${from} ${where} order by ${key} limit ?`;
          const parameters = after === undefined ? [pageSize] : [after, pageSize];
          const page = await whenFree(path, () => reading().prepare(sql).all(...parameters));
          const rows = page.map((row) => ({ ...row })) as Row<typeof table>[];
          if (rows.length > 0) yield rows;
          if (rows.length < pageSize) return;
          after = keyOf(table, rows.at(-1)!);
        }
      },
      async count(table) {
        const sql = `select count(*) as n from ${parts(table).from}`;
        return Number((await whenFree(path, () => reading().prepare(sql).get()))!.n);
      },
      async close() {
        if (closed) return;
        closed = true;
        await last;
        reader?.close();
        writer.close();
      },
    };
  } catch (error) {
    writer.close();
    throw error;
  }
}

function connect(path: string): DatabaseSync {
  try {
    // SQLite's own waiting would block the event loop; ours is faster, too: see whenFree.
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function cannotOpen(path: string, error: unknown): Failure {
  return new Failure(`SQLite can't open ${path}: ${(error as Error).message}`, { cause: error });
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

  /** @param onKey gets the key of each row that was written */
  function write<T extends Table>(
    table: T,
    rows: readonly Row<T>[],
    onConflict: string,
    onKey?: (key: string) => void,
  ): void {
    const { from, key, columns } = parts(table);
    const returning = onKey ? `returning ${key} as key` : "";
    const names = Object.keys(table.columns);
    const marks = `(${columns.map(() => "?")})`;
    for (let i = 0; i < rows.length; i += INSERT_ROWS) {
      const chunk = rows.slice(i, i + INSERT_ROWS);
      const values: (string | number | null)[] = [];
      for (const row of chunk) pushValues(values, table, names, row);
      const allMarks = chunk.map(() => marks).join();
      const insert = `insert into ${from} (${columns}) values ${allMarks} ${onConflict}`;
      const statement = prepared(`${insert} ${returning}`);
      if (onKey) { for (const written of statement.all(...values)) onKey(written.key as string); }
      else statement.run(...values);
    }
  }

  return {
    begin: () => whenFree(path, () => void begin.run()),
    commit: () => translated(path, () => void commit.run()),
    rollback: () => {
      // SQLite has rolled back already after some errors, such as a full disk.
      if (connection.isTransaction) rollback.run();
      return Promise.resolve();
    },
    select<T extends Table>(table: T, keys: readonly string[]) {
      const { from, key } = parts(table);
      const sql = `select * from ${from} where ${key} in (select value from json_each(?))`;
      return translated(path, () => {
        const rows = prepared(sql).all(JSON.stringify(keys));
        return rows.map((row) => ({ ...row })) as Row<T>[];
      });
    },
    insert: (table, rows) =>
      translated(path, () => {
        const existing = new Set(rows.map((row) => keyOf(table, row)));
        const onConflict = `on conflict (${parts(table).key}) do nothing`;
        write(table, rows, onConflict, (key) => existing.delete(key));
        return existing;
      }),
    upsert(table, rows) {
      const { key, columns } = parts(table);
      const set = columns.map((column) => `${column} = excluded.${column}`);
      const onConflict = `on conflict (${key}) do update set ${set}`;
      return translated(path, () => write(table, rows, onConflict));
    },
  };
}

/** Primary result codes of SQLite: another connection is in the way. */
const LOCK_CODES = [5, /* BUSY */ 6, /* LOCKED */ 15 /* PROTOCOL */];
/** The file system fails: NOMEM, READONLY, IOERR, FULL, CANTOPEN. No row is to blame for it. */
const DEVICE_CODES = [7, 8, 10, 13, 14];

function primaryCode(error: unknown): number | undefined {
  const { errcode, message } = error as { errcode?: number; message?: string };
  if (errcode !== undefined) return errcode & 0xff;
  // Deno's `exec` gives no code.
  return message === "database is locked" ? 5 : undefined;
}

function translate(path: string, error: unknown): unknown {
  const code = primaryCode(error);
  if (code === undefined || ![...LOCK_CODES, ...DEVICE_CODES].includes(code)) return error;
  return new Unavailable(`SQLite at ${path}: ${(error as Error).message}`, { cause: error });
}

/** Does one synchronous step; what it throws becomes a rejection in the contract's terms. */
function translated<T>(path: string, step: () => T): Promise<T> {
  try {
    return Promise.resolve(step());
  } catch (error) {
    return Promise.reject(translate(path, error));
  }
}

/** Does one synchronous step as soon as no other process is in its way, within LOCK_WAIT_MS. */
async function whenFree<T>(path: string, step: () => T): Promise<T> {
  const giveUpAt = performance.now() + LOCK_WAIT_MS;
  const question = waits.ask(
    { id: path, name: `SQLite at ${path}`, until: "until the process that has locked it lets go" },
    "its lock",
  );
  while (true) {
    try {
      const result = step();
      question.answered();
      return result;
    } catch (error) {
      const locked = LOCK_CODES.includes(primaryCode(error) ?? 0);
      if (!locked) question.answered();
      else if (performance.now() > giveUpAt) question.givenUp();
      if (!locked || performance.now() > giveUpAt) throw translate(path, error);
    }
    // Uneven, so that several waiters do not meet again and again.
    await pause(LOCK_RETRY_MS * (0.5 + Math.random()));
  }
}
