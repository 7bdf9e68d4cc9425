/** Opens a service's tables: in an SQLite file or a PostgreSQL schema with the name of their owner. */
import { join } from "node:path";
import type { TextFile } from "../runtime/setting.ts";
import { pause } from "../runtime/shutdown.ts";
import type { Database } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import type { VersionedTables } from "./migrations.ts";
import { openPostgres } from "./postgres.ts";
import { positions } from "./positions.ts";
import { openSqlite } from "./sqlite.ts";

/** Where the tables are. */
export interface DatabasePlace {
  /** `postgres://…` (default: SQLite). */
  readonly url?: string;
  /** Read for each connection (default: the one in the url). */
  readonly password?: TextFile | undefined;
  /** The folder of the SQLite files; it is created if it is missing. */
  readonly directory: string;
  /** Gets a line when a migration begins, and when it is done. */
  readonly note?: (line: string) => void;
}

/**
 * Opens the tables, and brings them to the present version; several processes may do so at once.
 *
 * @param options.owner the name of the file or the schema
 * @param options.migrations how the tables changed since they were first released (default: not at all)
 * @throws {RetryableError} the database does not answer, or is locked
 * @throws {Failure} the url is of no known kind, the database is newer than the code, or a migration fails
 */
export function openDatabase(
  options: VersionedTables & DatabasePlace,
): Promise<Database> {
  const { url, password, directory, owner, note } = options;
  const versioned = versionedOf(options);
  if (!url) return openSqlite(join(directory, `${owner}.db`), versioned, { note });
  if (/^postgres(ql)?:\/\//.test(url)) {
    return openPostgres(url, owner, versioned, { password, note });
  }
  // Not the whole url: it may hold a password.
  const scheme = /^[a-z0-9+.-]+:\/\//i.exec(url)?.[0] ?? "";
  return Promise.reject(
    new Error(`DATABASE_URL: expected postgres://… (or nothing, for SQLite), found "${scheme}…"`),
  );
}

/** The positions are among every service's tables, and change for all of them at once. */
const POSITIONS: VersionedTables = { owner: "positions", tables: [positions] };

function versionedOf({ owner, tables, migrations }: VersionedTables): VersionedTables[] {
  const own = tables.filter((table) => table !== positions);
  return [
    ...(own.length > 0 ? [{ owner, tables: own, migrations }] : []),
    ...(own.length < tables.length ? [POSITIONS] : []),
  ];
}

const RETRY_MS = 1_000;

/**
 * Opens with `open`; waits while the database does not answer.
 *
 * @param onWait gets the reason for the wait, once for each change of it
 * @returns undefined when `signal` aborted first
 */
export async function whenAvailable<T>(
  open: () => Promise<T>,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<T | undefined> {
  let lastReason: string | undefined;
  while (!signal.aborted) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error;
      if (error.message !== lastReason) onWait(`waiting for the database: ${error.message}`);
      lastReason = error.message;
    }
    await pause(RETRY_MS, signal);
  }
}

/**
 * Opens two databases, waits for each, and closes both after `work`.
 *
 * @param onWait gets the reason for the wait, once for each change of it
 * @returns whether `work` was done: false when `signal` aborted first
 */
export async function withTwoDatabases(
  openFirst: () => Promise<Database>,
  openSecond: () => Promise<Database>,
  { signal, onWait }: { signal: AbortSignal; onWait: (reason: string) => void },
  work: (first: Database, second: Database) => Promise<void>,
): Promise<boolean> {
  const first = await whenAvailable(openFirst, signal, onWait);
  if (!first) return false;
  try {
    const second = await whenAvailable(openSecond, signal, onWait);
    if (!second) return false;
    try {
      await work(first, second);
      return true;
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
}
