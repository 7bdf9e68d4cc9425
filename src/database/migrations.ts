/**
 * How tables change: numbered migrations for each owner, applied in order when its tables are opened,
 * each once, in one transaction, under a lock. docs/migrations.md says how to write one.
 */
import { createHash } from "node:crypto";
import { Failure, RetryableError } from "../runtime/errors.ts";
import { formatDuration } from "../runtime/format.ts";
import { isWrongStatement } from "./blame.ts";
import type { Table } from "./database.ts";

/** SQL statements, one each; the table names need no schema. */
type Statements = readonly string[];

/** One step of an owner's tables. Once it is released it never changes: the next one corrects it. */
export interface Migration {
  /** 1, 2, 3, … without a gap. */
  readonly number: number;
  /** For people: what it does, such as "scores get a reviewer". */
  readonly name: string;
  /** Creates these tables, as they are at this number, unless they exist. Number 1 has only these. */
  readonly tables?: readonly Table[];
  /** What is done then: the same for both databases, or different. */
  readonly sql?: Statements | { readonly sqlite: Statements; readonly postgres: Statements };
}

/** An owner's tables as they are now, and how they became so. */
export interface VersionedTables {
  readonly owner: string;
  readonly tables: readonly Table[];
  /** Default: none, they are as they were first. */
  readonly migrations?: readonly Migration[];
}

type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** The transaction that holds the lock. */
interface MigrationTransaction {
  readonly query: Query;
  execute(sql: string): Promise<unknown>;
}

/** What a database does for migrations. */
export interface MigrationBackend {
  readonly kind: "sqlite" | "postgres";
  /** For messages. */
  readonly label: string;
  /** The SQL that creates a table, unless it exists. */
  createTable(table: Table): string;
  /** Runs a query, outside of any transaction. */
  readonly query: Query;
  /** Gives the columns of all tables, a row each: `table_name`, `column_name`. */
  readonly columnsSql: string;
  /** The name of the table of migrations, quoted. */
  readonly migrationsTable: string;
  /** SQL that follows the creation of the table of migrations. */
  readonly afterMigrationsTable: Statements;
  /** Runs `work` in a transaction that holds the lock: all of it happens, or nothing. */
  locked(work: (tx: MigrationTransaction) => Promise<void>): Promise<void>;
}

interface Applied {
  readonly owner: string;
  readonly number: number;
  readonly name: string;
  readonly checksum: string | null;
}

/** What is in the database. */
interface State {
  readonly columns: ReadonlyMap<string, ReadonlySet<string>>;
  /** Undefined: there is no table of migrations. */
  readonly applied: readonly Applied[] | undefined;
}

/** What is to do next: a migration, or tables that are missing, which have no number. */
type Step = Omit<Migration, "number"> & { readonly number?: number };

/** Of every owner; not one of `Table`, whose key is one column. */
const TABLE_NAME = "migrations";

/**
 * Brings the tables to the version that the code knows; several processes may do so at once. Where
 * nothing is to do, nothing is locked or written, and no right to change tables is needed.
 *
 * @param note gets a line when a migration with SQL begins, and when it is done
 * @throws {Failure} the database is newer than the code, or its tables are not what the migrations make
 * of them, or a migration fails: nothing of it is kept
 * @throws {RetryableError} the database does not answer, or another transaction holds a lock
 */
export async function migrate(
  backend: MigrationBackend,
  versioned: VersionedTables,
  note: (line: string) => void = () => {},
): Promise<void> {
  assertApplicable(versioned, backend.kind);
  let state = await stateOf(backend, backend.query);
  let step = nextStep(backend, versioned, state);
  while (step) {
    await apply(backend, versioned, step, note);
    state = await stateOf(backend, backend.query);
    step = nextStep(backend, versioned, state);
  }
  for (const table of versioned.tables) {
    const missing = Object.keys(table.columns).find((name) =>
      !state.columns.get(table.name)?.has(name)
    );
    if (missing === undefined) continue;
    throw new Failure(
      `${backend.label}: table ${versioned.owner}.${table.name} has no column ${missing}, and no ` +
        "migration adds it: give it back, or write the migration, see docs/migrations.md",
    );
  }
}

async function apply(
  backend: MigrationBackend,
  versioned: VersionedTables,
  step: Step,
  note: (line: string) => void,
): Promise<void> {
  const sql = statementsOf(step, backend.kind);
  const name = `migration ${step.number} (${step.name}) of ${versioned.owner}`;
  const startedAt = performance.now();
  let applied = false;
  try {
    await backend.locked(async (tx) => {
      const state = await stateOf(backend, tx.query);
      // Whoever had the lock before may have done it.
      if (nextStep(backend, versioned, state)?.number !== step.number) return;
      if (sql.length > 0) note(`${name} begins`);
      for (const table of step.tables ?? []) await tx.execute(backend.createTable(table));
      for (const statement of sql) await tx.execute(statement);
      if (step.number !== undefined) await record(backend, tx, versioned.owner, step, state);
      applied = true;
    });
  } catch (error) {
    if (sql.length === 0) throw error;
    throw failureOf(name, backend.label, error as Error);
  }
  if (applied && sql.length > 0) {
    note(`${name} is done after ${formatDuration(performance.now() - startedAt)}`);
  }
}

async function record(
  { kind, migrationsTable, afterMigrationsTable }: MigrationBackend,
  tx: MigrationTransaction,
  owner: string,
  step: Step,
  { applied }: State,
): Promise<void> {
  if (!applied) {
    await tx.execute(
      `create table ${migrationsTable} (owner text not null, number integer not null, ` +
        "name text not null, checksum text, applied_at text not null, primary key (owner, number))" +
        (kind === "sqlite" ? " strict" : ""),
    );
    for (const statement of afterMigrationsTable) await tx.execute(statement);
  }
  const texts = [step.name, checksumOf(step, kind), new Date().toISOString()].map(literal);
  await tx.execute(
    `insert into ${migrationsTable} (owner, number, name, checksum, applied_at) ` +
      `values (${literal(owner)}, ${step.number}, ${texts})`,
  );
}

async function stateOf(backend: MigrationBackend, query: Query): Promise<State> {
  const before = await columnsOf(backend, query);
  if (!before.has(TABLE_NAME)) return { columns: before, applied: undefined };
  const sql =
    `select owner, number, name, checksum from ${backend.migrationsTable} order by number`;
  const applied = await query(sql) as unknown as Applied[];
  // Once more: another process may have applied one between the two, whose columns would be missing.
  return { columns: await columnsOf(backend, query), applied };
}

async function columnsOf(
  { columnsSql }: MigrationBackend,
  query: Query,
): Promise<State["columns"]> {
  const columns = new Map<string, Set<string>>();
  for (const row of await query(columnsSql)) {
    const { table_name, column_name } = row as { table_name: string; column_name: string };
    columns.set(table_name, (columns.get(table_name) ?? new Set()).add(column_name));
  }
  return columns;
}

/** @throws {Failure} the database is newer than the code, or was made by other migrations */
function nextStep(
  { kind, label }: MigrationBackend,
  versioned: VersionedTables,
  { columns, applied = [] }: State,
): Step | undefined {
  const { owner, tables } = versioned;
  const migrations = migrationsOf(versioned);
  const missing = tables.filter(({ name }) => !columns.has(name));
  const own = applied.filter((each) => each.owner === owner);
  const last = own.at(-1);
  if (!last) {
    // Tables that are older than the migrations are version 1; a note of it can wait for version 2.
    return missing.length === 0 && migrations.length === 1 ? undefined : migrations[0];
  }
  if (last.number > migrations.length) {
    throw new Failure(
      `${label}: the tables of ${owner} are at version ${last.number} (${last.name}), and this ` +
        `release knows them up to version ${migrations.length}: start a release that knows version ` +
        `${last.number}, or restore a backup of version ${migrations.length}`,
    );
  }
  for (const { number, name, checksum } of own) {
    if (checksum === checksumOf(migrations[number - 1]!, kind)) continue;
    throw new Failure(
      `${label}: migration ${number} (${name}) of ${owner} was changed after it was applied: undo ` +
        `the change, and write a migration ${migrations.length + 1} instead`,
    );
  }
  if (last.number < migrations.length) return migrations[last.number];
  return missing.length > 0 ? { name: "missing tables", tables: missing } : undefined;
}

/** With its number 1, which need not be written down while the tables are as they were first. */
function migrationsOf({ tables, migrations = [] }: VersionedTables): readonly Migration[] {
  return migrations.length > 0 ? migrations : [{ number: 1, name: "first tables", tables }];
}

const ENDS_TRANSACTION = /^\s*(begin|start|commit|end|rollback|abort)\b/i;

/** @throws {TypeError} the migrations cannot be applied one after the other, each in a transaction */
function assertApplicable(
  { owner, migrations = [] }: VersionedTables,
  kind: MigrationBackend["kind"],
): void {
  for (const [i, migration] of migrations.entries()) {
    const { number } = migration;
    const sql = statementsOf(migration, kind);
    const fault = number !== i + 1
      ? `expected number ${i + 1}, found ${number}`
      : number === 1 && migration.sql
      ? "number 1 has SQL, but is no more than the tables as they were first"
      : sql.some((statement) => ENDS_TRANSACTION.test(statement))
      ? `number ${number} begins or ends a transaction, but it is in one already`
      : undefined;
    if (fault) throw new TypeError(`migrations of ${owner}: ${fault}`);
  }
}

function statementsOf({ sql = [] }: Step, kind: MigrationBackend["kind"]): Statements {
  return "sqlite" in sql ? sql[kind] : sql;
}

/** Of what is run, whatever its white space. Null: no SQL; creating what exists changes nothing. */
function checksumOf(step: Step, kind: MigrationBackend["kind"]): string | null {
  const sql = statementsOf(step, kind);
  if (sql.length === 0) return null;
  const text = sql.map((statement) => statement.trim().replaceAll(/\s+/g, " ")).join(";\n");
  return createHash("sha256").update(text).digest("hex");
}

function failureOf(name: string, label: string, error: Error): Error {
  const message = error.message.startsWith(label) ? error.message : `${label}: ${error.message}`;
  // Such as a lock that another transaction holds.
  if (error instanceof RetryableError && !isWrongStatement(error)) {
    return new RetryableError(`${name}: ${message}`, { cause: error.cause });
  }
  return new Failure(`${name} failed, and nothing of it is kept: ${message}`, { cause: error });
}

function literal(text: string | null): string {
  return text === null ? "null" : `'${text.replaceAll("'", "''")}'`;
}
