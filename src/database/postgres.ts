/**
 * `Database` in PostgreSQL: a schema for each owner, for services on several machines.
 *
 * A batch is one statement: its columns travel as arrays, and `unnest` makes rows of them again. Rows
 * are locked and written in key order (bytewise), so that two transactions wait for each other in one
 * direction only. READ COMMITTED: every statement sees what was committed before it began, so a select
 * after a lock sees what the previous holder of the lock wrote.
 */
import type { TextFile } from "../runtime/setting.ts";
import { type Database, type Row, runTransaction, type Session, type Table } from "./database.ts";
import { type Connection, createPool, type Parameter, type Pool } from "./postgres_pool.ts";
import { keyOf, pushValues } from "./rows.ts";

/**
 * Connects, and creates the schema and the tables unless they exist.
 *
 * @throws {RetryableError} it does not answer, or refuses the login
 */
export async function openPostgres(
  url: string,
  owner: string,
  tables: readonly Table[],
  password?: TextFile,
): Promise<Database> {
  const pool = createPool(url, undefined, password);
  try {
    await createMissing(pool, owner, tables);
  } catch (error) {
    await pool.close();
    throw error;
  }
  return {
    transaction: (work) =>
      pool.use((connection) => runTransaction(session(connection, owner), work)),
    async *scan(table, pageSize = 10_000) {
      const { from, key } = parts(owner, table);
      let after: string | undefined;
      while (true) {
        const where = after === undefined ? "" : `where ${key} > $2`;
        const sql = `select * from ${from} ${where} order by ${key} limit $1`;
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
    const names = Object.keys(table.columns);
    const types = Object.values(table.columns).map((type) => type === "text" ? "text" : "bigint");
    const arrays = types.map((type, i) => `$${i + 1}::${type}[]`);
    const sql =
      `insert into ${from} (${columns}) select * from unnest(${arrays}) as r (${columns})` +
      ` order by ${key} collate "C" ${onConflict}`;
    return connection.query(sql, columnLiterals(table, names, rows));
  };
  return {
    begin: () => run("begin"),
    commit: () => run("commit"),
    rollback: () => run("rollback").catch(() => {}),
    select<T extends Table>(table: T, keys: readonly string[], { lock = false } = {}) {
      const { from, key } = parts(owner, table);
      // With a lock it is a join, not `any`: PostgreSQL checks the condition again for each row that
      // another writer has changed meanwhile, with `any` against all keys (two writers on 500 rows: 51k
      // instead of 18k orders/s).
      const sql = lock
        ? `select t.* from unnest($1::text[]) as wanted (key) join ${from} as t` +
          ` on t.${key} = wanted.key order by t.${key} for update of t`
        : `select * from ${from} where ${key} = any($1::text[])`;
      return connection.query<Row<T>>(sql, [arrayLiteral([...new Set(keys)])]);
    },
    async insert(table, rows) {
      const { key } = parts(owner, table);
      const firstByKey = new Map(rows.toReversed().map((row) => [keyOf(table, row), row]));
      const inserted = await write(
        table,
        firstByKey.size < rows.length ? [...firstByKey.values()] : rows,
        `on conflict (${key}) do nothing returning ${key} as key`,
      );
      for (const row of inserted) firstByKey.delete(row.key);
      return new Set(firstByKey.keys());
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
  };
}

/** The identifiers of a table, quoted. */
function parts(owner: string, { name, key, columns }: Table) {
  return {
    from: `"${owner}"."${name}"`,
    key: `"${key}"`,
    columns: Object.keys(columns).map((column) => `"${column}"`),
  };
}

/** One array literal for each column. */
function columnLiterals<T extends Table>(
  table: T,
  names: readonly string[],
  rows: readonly Row<T>[],
): string[] {
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

/**
 * Creates what is missing; a lock lets several processes do so one after the other. When nothing is
 * missing, nothing is locked, and no right to create is needed.
 */
async function createMissing(pool: Pool, owner: string, tables: readonly Table[]): Promise<void> {
  await pool.use(async (connection) => {
    const missing = await connection.query(
      "select 1 from unnest($1::text[]) as name where to_regclass(name) is null",
      [arrayLiteral(tables.map((table) => parts(owner, table).from))],
    );
    if (missing.length === 0) return;
    await connection.query("begin");
    try {
      await connection.query("select pg_advisory_xact_lock(hashtext('orderflow: create tables'))");
      await connection.query(`create schema if not exists "${owner}"`);
      for (const table of tables) await connection.query(createTable(owner, table));
      await connection.query("commit");
    } catch (error) {
      await connection.query("rollback").catch(() => {});
      throw error;
    }
  });
}

/** Keys are compared bytewise, as in SQLite: the same order, and no locale's surprises. */
function createTable(owner: string, table: Table): string {
  const columns = Object.entries(table.columns).map(([name, type]) =>
    `"${name}" ${type === "integer" ? "bigint" : "text"}` +
    (name === table.key ? ' collate "C" primary key' : "")
  );
  return `create table if not exists ${parts(owner, table).from} (${columns.join(", ")})`;
}
