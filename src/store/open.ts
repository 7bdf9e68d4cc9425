/** Opens a service's tables: an SQLite file of their owner's name, or a PostgreSQL schema of it. */
import { join } from "node:path";
import type { Database, Table } from "./database.ts";
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
