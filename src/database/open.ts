/** Opens a service's tables: an SQLite file of their owner's name, or a PostgreSQL schema of it. */
import { join } from "node:path";
import type { TextFile } from "../runtime/setting.ts";
import { pause } from "../runtime/shutdown.ts";
import { type Database, type Table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { openPostgres } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";

/**
 * Opens the tables, creating what is not there yet; several processes may do so at once.
 *
 * @param options.url `postgres://…`; absent or empty: SQLite
 * @param options.password read for each connection; absent: the one in the url
 * @param options.directory the folder of the SQLite files, created when absent
 * @param options.owner who owns the tables: the file's or the schema's name
 * @throws {RetryableError} the database does not answer, or is locked
 * @throws {Error} the url is of no known kind
 */
export function openDatabase(options: {
  url?: string;
  password?: TextFile | undefined;
  directory: string;
  owner: string;
  tables: readonly Table[];
}): Promise<Database> {
  const { url, password, directory, owner, tables } = options;
  if (!url) return openSqlite(join(directory, `${owner}.db`), tables);
  if (/^postgres(ql)?:\/\//.test(url)) return openPostgres(url, owner, tables, password);
  // Not the whole of it: there may be a password in it.
  const scheme = /^[a-z0-9+.-]+:\/\//i.exec(url)?.[0] ?? "";
  return Promise.reject(
    new Error(`DATABASE_URL: expected postgres://… (or nothing, for SQLite), found "${scheme}…"`),
  );
}

const RETRY_MS = 1_000;

/**
 * Opens with `open`, waiting for a database that does not answer yet.
 *
 * @param onWait told why it waits, once for each change of it
 * @returns undefined when `signal` aborted before it answered
 */
export async function whenAvailable<T>(
  open: () => Promise<T>,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<T | undefined> {
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error;
      if (error.message !== told) onWait(`waiting for the database: ${error.message}`);
      told = error.message;
    }
    await pause(RETRY_MS, signal);
  }
}

/**
 * Opens two databases, waiting for each, and closes them after `work`, or when the second cannot be
 * opened.
 *
 * @param onWait told why it waits, once for each change of it
 * @returns whether `work` was done: not when `signal` aborted before both answered
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
