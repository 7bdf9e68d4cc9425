/**
 * `Database` in PostgreSQL: a schema for each owner, for services on several machines.
 *
 * A batch is one statement: its columns travel as arrays, and `unnest` makes rows of them again. Rows
 * are locked and written in key order (bytewise), so that two transactions wait for each other in one
 * direction only. READ COMMITTED: every statement sees what was committed before it began, so a select
 * after a lock sees what the previous holder of the lock wrote.
 */
import type { TextFile } from "../runtime/setting.ts";
import {
  type Database,
  keyOf,
  pushValues,
  type Row,
  runTransaction,
  type Session,
  type Table,
} from "./database.ts";
import { migrate, type MigrationBackend, type VersionedTables } from "./migrations.ts";
import { type Connection, createPool, type Parameter, type Pool } from "./postgres_pool.ts";

/**
 * Connects, and brings the schema and its tables to the present version.
 *
 * @throws {RetryableError} it does not answer, or refuses the login
 * @throws {Failure} see `migrate`
 */
export async function openPostgres(
  url: string,
  owner: string,
  versioned: readonly VersionedTables[],
  { password, note }: { password?: TextFile; note?: (line: string) => void } = {},
): Promise<Database> {
  const pool = createPool(url, undefined, password);
  const slowPool = () => createPool(url, MIGRATION_LIMIT_MS + 5_000, password);
  const backend = migrationBackend(pool, slowPool, owner);
  try {
    for (const each of versioned) await migrate(backend, each, note);
  } catch (error) {
    await pool.close();
    throw error;
  }
  return {
    transaction: (work, options) =>
      pool.use((connection) => {
        const whole = session(connection, owner);
        // A statement by itself is a transaction.
        return runTransaction(options?.single ? { ...whole, ...NO_BOUNDS } : whole, work, options);
      }),
    async *scan(table, pageSize = 10_000) {
      const { from, key, columns } = parts(owner, table);
      let after: string | undefined;
      while (true) {
        const where = after === undefined ? "" : `where ${key} > $2`;
        const sql = `select ${columns} from ${from} ${where} order by ${key} limit $1`;
        const parameters = after === undefined ? [pageSize] : [pageSize, after];
        const rows = await pool.use((c) => c.query<Row<typeof table>>(sql, parameters));
        if (rows.length > 0) yield rows;
        if (rows.length < pageSize) return;
        after = keyOf(table, rows.at(-1)!);
      }
    },
    async count(table) {
      const sql = `select count(*) as n from ${parts(owner, table).from}`;
      const [row] = await pool.use((c) => c.query<{ n: number }>(sql));
      return row!.n;
    },
    close: () => pool.close(),
  };
}

const done = () => Promise.resolve();
const NO_BOUNDS: Pick<Session, "begin" | "commit" | "rollback"> = {
  begin: done,
  commit: done,
  rollback: done,
};

function session(connection: Connection, owner: string): Session {
  const run = async (sql: string, parameters?: Parameter[]) => {
    await connection.query(sql, parameters);
  };
  const write = <T extends Table>(
    table: T,
    rows: readonly Row<T>[],
    onConflict: string,
  ): Promise<{ key: string }[]> => {
    const { from, key, columns } = parts(owner, table);
    const sql = `insert into ${from} (${columns}) select * from ${unnested(table, columns)}` +
      ` order by ${key} collate "C" ${onConflict}`;
    return connection.query(sql, columnLiterals(table, rows));
  };
  function select<T extends Table>(
    table: T,
    keys: readonly string[],
    { lock = false } = {},
  ): Promise<Row<T>[]> {
    const { from, key } = parts(owner, table);
    // With a lock it is a join, not `any`: PostgreSQL checks the condition again for each row that
    // another writer has changed meanwhile, with `any` against all keys (two writers on 500 rows: 51k
    // instead of 18k orders/s).
    const sql = lock
      ? `select t.* from unnest($1::text[]) as wanted (key) join ${from} as t` +
        ` on t.${key} = wanted.key order by t.${key} for update of t`
      : `select * from ${from} where ${key} = any($1::text[])`;
    return connection.query<Row<T>>(sql, [arrayLiteral([...new Set(keys)])]);
  }
  return {
    begin: () => run("begin"),
    commit: () => run("commit"),
    rollback: () => run("rollback").catch(() => {}),
    select,
    async insert(table, rows, options) {
      const { key } = parts(owner, table);
      const firstByKey = new Map(rows.toReversed().map((row) => [keyOf(table, row), row]));
      const inserted = await write(
        table,
        firstByKey.size < rows.length ? [...firstByKey.values()] : rows,
        `on conflict (${key}) do nothing returning ${key} as key`,
      );
      for (const row of inserted) firstByKey.delete(row.key);
      return firstByKey.size > 0 ? select(table, [...firstByKey.keys()], options) : [];
    },
    async upsert(table, rows) {
      const { key, columns } = parts(owner, table);
      const set = columns.map((column) => `${column} = excluded.${column}`);
      // One statement may not change a row twice.
      const lastByKey = new Map(rows.map((row) => [keyOf(table, row), row]));
      await write(
        table,
        lastByKey.size < rows.length ? [...lastByKey.values()] : rows,
        `on conflict (${key}) do update set ${set}`,
      );
    },
    async update(table, rows, same) {
      const lastByKey = new Map(rows.map((row) => [keyOf(table, row), row]));
      const updated = await connection.query<{ key: string }>(
        updateSql(owner, table, same),
        columnLiterals(table, [...lastByKey.values()]),
      );
      for (const { key } of updated) lastByKey.delete(key);
      return new Set(lastByKey.keys());
    },
  };
}

function updateSql(owner: string, table: Table, same: string): string {
  const { from, key, columns } = parts(owner, table);
  const matches = `t.${key} = r.${key} and t."${same}" = r."${same}"`;
  return `with r as (select * from ${unnested(table, columns)}), locked as (` +
    `select r.* from r join ${from} as t on ${matches} order by t.${key} for update of t)` +
    ` update ${from} as t set ${columns.map((column) => `${column} = r.${column}`)}` +
    ` from locked as r where ${matches} returning t.${key} as key`;
}

/** The identifiers of a table, quoted. */
function parts(owner: string, { name, key, columns }: Table) {
  return {
    from: `"${owner}"."${name}"`,
    key: `"${key}"`,
    columns: Object.keys(columns).map((column) => `"${column}"`),
  };
}

/** Rows of the parameters, an array for each column, see `columnLiterals`. */
function unnested(table: Table, columns: readonly string[]): string {
  const arrays = Object.values(table.columns).map((type, i) =>
    `$${i + 1}::${type === "text" ? "text" : "bigint"}[]`
  );
  return `unnest(${arrays}) as r (${columns})`;
}

/** One array literal for each column. */
function columnLiterals<T extends Table>(table: T, rows: readonly Row<T>[]): string[] {
  const names = Object.keys(table.columns);
  const values: Parameter[] = [];
  for (const row of rows) pushValues(values, table, names, row);
  return names.map((_, i) => arrayLiteral(rows.map((_, r) => values[r * names.length + i]!)));
}

function arrayLiteral(values: readonly Parameter[]): string {
  return `{${values.map(elementLiteral).join()}}`;
}

function elementLiteral(value: Parameter): string {
  if (value === null) return "null";
  return typeof value === "number" ? String(value) : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** How long a statement of a migration may take; any other has a few seconds. */
const MIGRATION_LIMIT_MS = 3_600_000;
/** The server ends the statement of a process that was killed; it has this since 14, not on Windows. */
const NOTICE_DEATH = "select set_config(name, '2s', true) from pg_settings" +
  " where name = 'client_connection_check_interval' and version() like '%linux%'";

/** @param slowPool makes a pool that waits as long as a migration may take */
function migrationBackend(pool: Pool, slowPool: () => Pool, owner: string): MigrationBackend {
  const schema = `'${owner.replaceAll("'", "''")}'`;
  return {
    kind: "postgres",
    label: pool.label,
    query: (sql) => pool.use((connection) => connection.query(sql)),
    columnsSql: "select c.relname as table_name, a.attname as column_name from pg_attribute a" +
      " join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace" +
      ` where n.nspname = ${schema} and c.relkind in ('r', 'p', 'v') and a.attnum > 0` +
      " and not a.attisdropped",
    migrationsTable: `"${owner}"."migrations"`,
    // Whoever may use the schema may know its version, also who has rights on single tables only.
    afterMigrationsTable: [`grant select on "${owner}"."migrations" to public`],
    createTable: (table) => createTable(owner, table),
    async locked(work) {
      const slow = slowPool();
      try {
        await slow.use(async (connection) => {
          await runTransaction(session(connection, owner), async () => {
            const run = (sql: string) => connection.query<Record<string, unknown>>(sql);
            await run(`set local statement_timeout = ${MIGRATION_LIMIT_MS}`);
            await run(`set local search_path to "${owner}"`);
            await run(NOTICE_DEATH);
            await run(
              `select pg_advisory_xact_lock(hashtext('orderflow: tables of ' || ${schema}))`,
            );
            // `if not exists` would ask for the right to create schemas, also where it exists.
            const found = await run(`select 1 from pg_namespace where nspname = ${schema}`);
            if (found.length === 0) await run(`create schema "${owner}"`);
            await work({ query: run, execute: run });
          });
        });
      } finally {
        await slow.close();
      }
    },
  };
}

/** Keys are compared bytewise, as in SQLite: the same order, and no locale's surprises. */
function createTable(owner: string, table: Table): string {
  const columns = Object.entries(table.columns).map(([name, type]) =>
    `"${name}" ${type === "integer" ? "bigint" : "text"}` +
    (name === table.key ? ' collate "C" primary key' : "")
  );
  return `create table if not exists ${parts(owner, table).from} (${columns.join(", ")})`;
}
