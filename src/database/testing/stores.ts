/**
 * For tests: a real PostgreSQL in a temporary directory, and tests that run against both backends.
 *
 * The server is the system's, or else npm's; it refuses to run as root, so that a test run as root
 * starts it as `nobody`.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { freePort } from "../../local/kafka/ports.ts";
import { pause } from "../../runtime/shutdown.ts";
import { type Account, POSTGRES, postgresBinaries } from "../../testing/postgres_binaries.ts";
import { lacks } from "../../testing/skips.ts";
import type { Database, Row, Table } from "../database.ts";
import { openDatabase } from "../open.ts";
import { createPool } from "../postgres_pool.ts";

export interface PostgresServer {
  /** The address of a database that is there from the beginning. */
  readonly url: string;
  /** Creates an empty database. @returns its address */
  freshDatabase(): Promise<string>;
  /** Ends the server as a power cut would; its data stay. */
  halt(): Promise<void>;
  /** Starts it again on the same port, after `halt`; returns when it answers. */
  resume(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 30_000;
const READY_POLL_MS = 50;
/** A free port may be taken by someone else before the server listens on it. */
const PORT_ATTEMPTS = 3;

/**
 * Starts a server of its own on 127.0.0.1.
 *
 * @throws {Error} there is no server, and npm's cannot be had; or it does not come up, with its own words
 */
export async function startPostgres(): Promise<PostgresServer> {
  const account = await unprivileged();
  const directory = await Deno.makeTempDir({ prefix: "orderflow-postgres-" });
  const data = join(directory, "data");
  try {
    if (account) await Deno.chown(directory, account.uid, account.gid);
    const bin = await postgresBinaries({ account, directory });
    const init = await new Deno.Command(join(bin, "initdb"), {
      ...account,
      args: ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
      cwd: directory,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!init.success) throw new Error(`initdb failed: ${new TextDecoder().decode(init.stderr)}`);
    const launch = (port: number) => launchServer({ bin, account, directory, data, port });
    for (let attempt = 1;; attempt++) {
      const port = await freePort();
      try {
        const process = await launch(port);
        return controls(process, () => launch(port), directory, port);
      } catch (error) {
        if (attempt === PORT_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    await Deno.remove(directory, { recursive: true });
    throw error;
  }
}

function controls(
  first: Deno.ChildProcess,
  launch: () => Promise<Deno.ChildProcess>,
  directory: string,
  port: number,
): PostgresServer {
  let running: Deno.ChildProcess | undefined = first;
  let databases = 0;
  const urlOf = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`;
  const halt = async () => {
    running?.kill("SIGQUIT");
    await running?.status;
    running = undefined;
  };
  return {
    url: urlOf("postgres"),
    async freshDatabase() {
      const name = `test_${++databases}`;
      const pool = createPool(urlOf("postgres"));
      try {
        await pool.use((connection) => connection.query(`create database ${name}`));
      } finally {
        await pool.close();
      }
      return urlOf(name);
    },
    halt,
    async resume() {
      running ??= await launch();
    },
    async stop() {
      await halt();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** Starts the server; returns when it answers. */
async function launchServer({ bin, account, directory, data, port }: {
  bin: string;
  account: Account | undefined;
  directory: string;
  data: string;
  port: number;
}): Promise<Deno.ChildProcess> {
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    logging_collector: "on",
    log_directory: directory,
    log_filename: "server.log",
  };
  const process = new Deno.Command(join(bin, "postgres"), {
    ...account,
    args: ["-D", data, ...Object.entries(settings).flatMap(([k, v]) => ["-c", `${k}=${v}`])],
    cwd: directory,
    stdout: "null",
    stderr: "null",
  }).spawn();
  let exited = false;
  void process.status.then(() => exited = true);
  const giveUpAt = performance.now() + READY_LIMIT_MS;
  while (!await answers(port)) {
    if (exited || performance.now() > giveUpAt) {
      if (!exited) process.kill("SIGQUIT");
      await process.status;
      const log = await Deno.readTextFile(join(directory, "server.log")).catch(() => "");
      throw new Error(`PostgreSQL did not start on port ${port}: ${log.slice(-2_000)}`);
    }
    await pause(READY_POLL_MS);
  }
  return process;
}

async function answers(port: number): Promise<boolean> {
  const pool = createPool(`postgres://postgres@127.0.0.1:${port}/postgres`);
  try {
    await pool.use((connection) => connection.query("select 1"));
    return true;
  } catch {
    return false;
  } finally {
    await pool.close();
  }
}

/** The user that the server runs as when the tests run as root. */
async function unprivileged(): Promise<Account | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const users = await Deno.readTextFile("/etc/passwd");
  const nobody = users.split("\n").find((line) => line.startsWith("nobody:"))?.split(":");
  if (!nobody) throw new Error("run as root, the tests need a user `nobody` for PostgreSQL");
  return { uid: Number(nobody[2]), gid: Number(nobody[3]) };
}

type OpenOptions = Pick<Parameters<typeof openDatabase>[0], "migrations" | "note">;

/** Where the tables of one test are: its own, and empty at first. */
export interface Place {
  readonly backend: "sqlite" | "postgres";
  /** What `openDatabase` takes. */
  readonly url?: string;
  readonly directory: string;
  /** Opens tables there, as often as one likes; all are closed after the test. */
  open(owner: string, tables: readonly Table[], options?: OpenOptions): Promise<Database>;
  /** Runs a statement there, as somebody beside the services. */
  sql(owner: string, statement: string): Promise<Record<string, unknown>[]>;
}

let server: Promise<PostgresServer> | undefined;

/**
 * Declares one test for each backend. The PostgreSQL server is the test file's: started for its first
 * test that needs one, stopped after its last.
 */
export function eachStore(name: string, body: (place: Place) => Promise<void>): void {
  for (const backend of ["sqlite", "postgres"] as const) {
    const ignore = backend === "postgres" && lacks(POSTGRES);
    if (backend === "postgres" && !ignore) useServer();
    Deno.test({ name: `${name} (${backend})`, ignore }, async () => {
      const directory = await Deno.makeTempDir({ prefix: "orderflow-store-" });
      const opened: Database[] = [];
      try {
        const url = backend === "postgres" ? await (await server)!.freshDatabase() : undefined;
        await body({
          backend,
          url,
          directory,
          sql: (owner, statement) =>
            url === undefined
              ? Promise.resolve(sqliteAlone(join(directory, `${owner}.db`), statement))
              : postgresAlone(url, owner, statement),
          async open(owner, tables, options) {
            const database = await openDatabase({ url, directory, owner, tables, ...options });
            opened.push(database);
            return database;
          },
        });
      } finally {
        await Promise.all(opened.map((database) => database.close()));
        await Deno.remove(directory, { recursive: true });
      }
    });
  }
}

function sqliteAlone(path: string, statement: string): Record<string, unknown>[] {
  const connection = new DatabaseSync(path);
  try {
    return connection.prepare(statement).all().map((row) => ({ ...row }));
  } finally {
    connection.close();
  }
}

async function postgresAlone(
  url: string,
  owner: string,
  statement: string,
): Promise<Record<string, unknown>[]> {
  const pool = createPool(url);
  try {
    return await pool.use(async (connection) => {
      await connection.query(`create schema if not exists "${owner}"`);
      await connection.query(`set search_path to "${owner}"`);
      return (await connection.query<object>(statement)).map((row) => ({ ...row }));
    });
  } finally {
    await pool.close();
  }
}

let hooked = false;

/** Hooks, not tests: the sanitizers hold a test to what it starts and stops itself. */
function useServer(): void {
  if (hooked) return;
  hooked = true;
  Deno.test.beforeAll(async () => {
    server = startPostgres();
    await server;
  });
  Deno.test.afterAll(async () => {
    await (await server)?.stop();
  });
}

/** Runs `body` with a PostgreSQL of its own. */
export async function withServer(body: (server: PostgresServer) => Promise<void>): Promise<void> {
  const server = await startPostgres();
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

/** All rows of a table, in key order. */
export async function all<T extends Table>(
  database: Database,
  from: T,
  pageSize?: number,
): Promise<Row<T>[]> {
  const rows: Row<T>[] = [];
  for await (const page of database.scan(from, pageSize)) rows.push(...page);
  return rows;
}
