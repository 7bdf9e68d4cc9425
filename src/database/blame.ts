/**
 * What is to blame for a database error, and the way out: one table for each database.
 *
 * - `record`: the written values can cause it. The error is passed on as it is, so that the one record
 *   that fails becomes a dead letter (see kafka/processor/failures.ts), and the others go on.
 * - `bug`: only a wrong statement of ours can cause it. A TypeError: the process ends.
 * - `store`: everything else. A RetryableError: it is tried again, the service is not ready, and nothing
 *   is skipped.
 *
 * SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
 * Result codes: https://www.sqlite.org/rescode.html
 */
import { RetryableError } from "../runtime/errors.ts";

export interface Cause {
  readonly blame: "record" | "bug" | "store";
  /** For people: what ends the error. */
  readonly wayOut?: string;
  /** A new connection may work. */
  readonly reconnect?: boolean;
  /** Waiting does not help: a program that meets it at its start ends. */
  readonly lasting?: boolean;
}

const RECORD: Cause = { blame: "record" };
const BUG: Cause = { blame: "bug" };
const store = (wayOut?: string): Cause => ({ blame: "store", wayOut });
const session = (wayOut?: string): Cause => ({ blame: "store", wayOut, reconnect: true });

const THEN_AUDIT = "then `deno task audit` says what is missing";
const missingTable = (elsewhere: string) =>
  store(`it was dropped, or ${elsewhere}; restore it, ${THEN_AUDIT}`);
const NO_TABLE = missingTable("DATABASE_URL names another database");
const CHANGED_TABLE = store("the table was changed: give it back the columns and the primary key");
const DAMAGED = `restore it from a backup, ${THEN_AUDIT}`;
const LOGIN =
  "check the user and the password in DATABASE_URL (or DATABASE_PASSWORD_FILE), and pg_hba.conf";

/** By SQLSTATE, or by its class (the first two characters). For all others: `store`. */
const POSTGRES: Readonly<Record<string, Cause>> = {
  "22": RECORD, // data exception
  "23": RECORD, // integrity constraint violation
  "54000": RECORD, // a value is too long for an index, or a row for its page

  "21": BUG, // cardinality violation: one row written twice by a statement
  "42601": BUG, // syntax error
  "42602": BUG, // invalid name
  "42622": BUG, // name too long
  "42701": BUG, // duplicate column
  "42702": BUG, // ambiguous column
  "42712": BUG, // duplicate alias
  "42725": BUG, // ambiguous function
  "42803": BUG, // grouping error
  "42P02": BUG, // undefined parameter
  "42P18": BUG, // indeterminate datatype
  "54011": BUG, // too many columns
  "54023": BUG, // too many arguments

  "3F000": NO_TABLE, // undefined schema
  "42P01": NO_TABLE, // undefined table
  "42703": CHANGED_TABLE, // undefined column
  "42804": CHANGED_TABLE, // datatype mismatch
  "42809": CHANGED_TABLE, // wrong object type
  "42883": CHANGED_TABLE, // undefined operator: of a changed column's type
  "42P10": CHANGED_TABLE, // no primary key for "on conflict"
  "42501": store("grant the right to the user in DATABASE_URL"),
  "28": session(LOGIN),
  "3D000": session("create it, or name another one in DATABASE_URL"),
  "53100": store("free space on the disk of the server"),
  "53200": session("the memory of the server is full"),
  "53300": session(
    "raise max_connections, or run fewer processes: each takes up to 4 connections for a schema",
  ),
  "55P03": store("another transaction holds a lock: see pg_locks"),
  "57014": store("it took too long: see pg_stat_activity"),
  "58": session(DAMAGED), // the system: a file cannot be read or is missing
  XX001: session(DAMAGED), // data corrupted
  XX002: session(`${DAMAGED}, or rebuild the index: reindex table`),
  XX: session(), // internal error

  "08": session(), // connection exception
  "0A": session(), // feature not supported: a prepared statement's table has new columns
  "25": session(), // invalid transaction state
  "25006": session(
    "a standby after a failover, or default_transaction_read_only: DATABASE_URL has to reach the " +
      "primary",
  ),
  "26": session(), // a prepared statement is not there: a pooler changed the session
  "57P": session(), // admin shutdown, crash shutdown, starting up, database dropped, idle time-out
};

export function causeInPostgres(code: string): Cause {
  return POSTGRES[code] ?? POSTGRES[code.slice(0, 3)] ?? POSTGRES[code.slice(0, 2)] ?? store();
}

const lasting = (wayOut: string): Cause => ({ ...session(wayOut), lasting: true });
const NOT_WRITABLE = lasting("check the owner and the rights of the file and of its folder");
const NO_DATABASE = lasting(
  `the file is damaged, or no SQLite database: stop the services, restore it from a backup, ` +
    `without its -wal and -shm, ${THEN_AUDIT}`,
);

/** By primary result code. For all others: `store`. */
const SQLITE: Readonly<Record<number, Cause>> = {
  18: RECORD, // TOOBIG
  19: RECORD, // CONSTRAINT
  20: RECORD, // MISMATCH

  21: BUG, // MISUSE
  25: BUG, // RANGE: more parameters than the statement has

  5: store("another process holds it"), // BUSY
  6: store("another process holds it"), // LOCKED
  7: store("the memory is full"), // NOMEM
  13: store("free space on its disk"), // FULL
  15: store("another process holds it"), // PROTOCOL

  3: NOT_WRITABLE, // PERM
  8: NOT_WRITABLE, // READONLY
  14: NOT_WRITABLE, // CANTOPEN
  23: NOT_WRITABLE, // AUTH
  10: session("the disk fails, or is full"), // IOERR
  11: NO_DATABASE, // CORRUPT
  24: NO_DATABASE, // FORMAT
  26: NO_DATABASE, // NOTADB
};

const SQLITE_ERROR = 1;
const NO_TABLE_IN_SQLITE = "no such table: ";
const CHANGED_IN_SQLITE = /no such column|has no column named|ON CONFLICT clause does not match/;

/** @param message distinguishes errors that share one code of SQLite */
export function causeInSqlite(code: number, message: string): Cause {
  const primary = code & 0xff;
  if (primary !== SQLITE_ERROR) return SQLITE[primary] ?? session();
  if (message.startsWith(NO_TABLE_IN_SQLITE)) return missingTable("DATA_DIR names another folder");
  return CHANGED_IN_SQLITE.test(message) ? CHANGED_TABLE : BUG;
}

/**
 * The error to throw for a database's own.
 *
 * @param where the database, and the table if it is known
 */
export function blamed(error: Error, { blame, wayOut }: Cause, where: string): Error {
  if (blame === "record") return error;
  const message = `${where}: ${error.message}`;
  if (blame === "bug") return new TypeError(message, { cause: error });
  return new RetryableError(wayOut ? `${message}; ${wayOut}` : message, { cause: error });
}

/** Whether it is a RetryableError because a table is missing. */
export function isMissingTable(error: unknown): boolean {
  const { code, message = "" } = ((error as Error).cause ?? {}) as {
    code?: string;
    message?: string;
  };
  return error instanceof RetryableError &&
    (code === "42P01" || message.startsWith(NO_TABLE_IN_SQLITE));
}

/** SQLSTATEs, or their beginnings, that have nothing to do with what was asked for. */
const OF_THE_MOMENT = /^(08|28|3D|40|53|55|57|58|XX|25006|25P03|42501)/;

/** Whether the database refuses a statement of a migration, however often it is asked. */
export function isWrongStatement(error: Error): boolean {
  const { name, code = "", errcode } = (error.cause ?? {}) as {
    name?: string;
    code?: string;
    errcode?: number;
  };
  if (name === "PostgresError") return !OF_THE_MOMENT.test(code);
  return errcode !== undefined && (errcode & 0xff) === SQLITE_ERROR;
}
