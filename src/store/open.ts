/** Opens a service's tables: an SQLite file of their owner's name, or a PostgreSQL schema of it. */
import { join } from "node:path";
import { pause } from "../runtime/stop.ts";
import { type Database, type Table, Unavailable } from "./database.ts";
import { openPostgres } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";

/**
 * Opens the tables, creating what is not there yet; several processes may do so at once.
 *
 * @param options.url `postgres://…`; absent or empty: SQLite
 * @param options.directory the folder of the SQLite files, created when absent
 * @param options.owner who owns the tables: the file's or the schema's name
 * @throws {Unavailable} the database does not answer, or is locked
 * @throws {Error} the url is of no known kind
 */
export function openDatabase(options: {
  url?: string;
  directory: string;
  owner: string;
  tables: readonly Table[];
}): Promise<Database> {
  const { url, directory, owner, tables } = options;
  if (!url) return openSqlite(join(directory, `${owner}.db`), tables);
  if (/^postgres(ql)?:\/\//.test(url)) return openPostgres(url, owner, tables);
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
 * @throws {Unavailable} `signal` aborted before it answered
 */
export async function whenAvailable<T>(
  open: () => Promise<T>,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<T> {
  let told: string | undefined;
  while (true) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof Unavailable) || signal.aborted) throw error;
      if (error.message !== told) onWait(`waiting for the database: ${error.message}`);
      told = error.message;
    }
    await pause(RETRY_MS, signal);
  }
}
