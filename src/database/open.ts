/** Opens a service's tables: in an SQLite file or a PostgreSQL schema with the name of their owner. */
import { join } from "node:path";
import type { TextFile } from "../runtime/setting.ts";
import { pause } from "../runtime/shutdown.ts";
import { type Database, type Table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { openPostgres } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";

/**
 * Opens the tables, and creates what is missing; several processes may do so at once.
 *
 * @param options.url `postgres://…` (default: SQLite)
 * @param options.password read for each connection (default: the one in the url)
 * @param options.directory the folder of the SQLite files; it is created if it is missing
 * @param options.owner the name of the file or the schema
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
  // Not the whole url: it may hold a password.
  const scheme = /^[a-z0-9+.-]+:\/\//i.exec(url)?.[0] ?? "";
  return Promise.reject(
    new Error(`DATABASE_URL: expected postgres://… (or nothing, for SQLite), found "${scheme}…"`),
  );
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
