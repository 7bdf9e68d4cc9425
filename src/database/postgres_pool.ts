/**
 * A few connections to one PostgreSQL, each lent to one caller at a time.
 *
 * Every connection is a `postgres()` with one socket, thrown away when it is lost. The package's own pool
 * and transactions are not used: 3.4.9 crashes the process ("Cannot read properties of null (reading
 * 'write')", thrown from a timer) when the server goes away between two statements of `sql.begin`, and
 * it has no time limit for an answer.
 */
import postgres from "postgres";
import type { TextFile } from "../runtime/setting.ts";
import { Failure, RetryableError } from "../runtime/errors.ts";
import { clockCheck } from "../runtime/clock.ts";
import { waits } from "../runtime/waits.ts";
import { blamed, causeInPostgres } from "./blame.ts";

export type Parameter = string | number | null;

export interface Connection {
  /**
   * @param parameters `$1`, `$2`, …; arrays as array literals
   * @throws {RetryableError} the database is at fault, see blame.ts
   * @throws {Error} PostgreSQL's own: a value is at fault
   * @throws {TypeError} the statement is at fault
   */
  query<R>(sql: string, parameters?: Parameter[]): Promise<R[]>;
}

export interface Pool {
  /** The database, for messages. */
  readonly label: string;
  /** Lends a connection to `work`, as soon as one is free. */
  use<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Waits until no connection is in use, then closes all; `use` rejects from now on. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 4;
const CONNECT_TIMEOUT_S = 3;
const COMPARE_CLOCKS_EVERY_MS = 60_000;
/** Without an answer for so long, the server or the network is gone. Longer than the server's own limits. */
const ANSWER_TIMEOUT_MS = 12_000;
/** The server's own limits: the locks of a frozen process end with its idle transaction. */
const SERVER_LIMITS = {
  lock_timeout: 3_000,
  statement_timeout: 10_000,
  idle_in_transaction_session_timeout: 10_000,
  // A generic plan, made for few keys, becomes slow for many: 1,000 rows into a growing table took
  // 158 ms in the end, and always 12 ms with a plan of their own.
  plan_cache_mode: "force_custom_plan",
};

/**
 * Makes the pool; connects at the first use.
 *
 * @param url `postgres://user:password@host:port/database`; of several hosts, separated by commas, it
 * takes one that answers, and with `?target_session_attrs=read-write` one that may be written to
 * @param answerTimeoutMs after how long without an answer a connection is given up
 * @param password read for each new connection; overrides the one in the url
 * @throws {Failure} the url is not of that form; the message does not show it, as it holds a password
 */
export function createPool(
  url: string,
  answerTimeoutMs = ANSWER_TIMEOUT_MS,
  password?: TextFile,
): Pool {
  const label = labelOf(url);
  const idle: PooledConnection[] = [];
  const waiting: (() => void)[] = [];
  const ending = new Set<Promise<void>>();
  let inUse = 0;
  let compareAt = 0;
  let closed = false;

  function discard(connection: PooledConnection): void {
    const end = connection.end().finally(() => ending.delete(end));
    ending.add(end);
  }

  /** An idle connection that still works, or a new one. */
  function take(): PooledConnection {
    let connection = idle.pop();
    while (connection?.lost()) {
      discard(connection);
      connection = idle.pop();
    }
    return connection ?? connect(url, label, answerTimeoutMs, password);
  }

  /** Compares the database's clock with ours, now and then. */
  async function compareClocks(connection: PooledConnection): Promise<void> {
    if (performance.now() < compareAt) return;
    compareAt = performance.now() + COMPARE_CLOCKS_EVERY_MS;
    const askedMs = Date.now();
    const [row] = await connection.query<{ ms: number }>(
      "select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms",
    );
    clockCheck.note(label, row!.ms, [askedMs, Date.now()]);
  }

  return {
    label,
    async use(work) {
      if (closed) throw new RetryableError(`${label} is closed`);
      while (inUse >= MAX_CONNECTIONS) await new Promise<void>((resolve) => waiting.push(resolve));
      inUse++;
      let connection: PooledConnection | undefined;
      try {
        connection = take();
        await compareClocks(connection);
        return await work(connection);
      } finally {
        if (connection?.lost()) {
          discard(connection);
          // What ended one of them (a failover, a shutdown) ended the others, too.
          idle.splice(0).forEach(discard);
        } else if (connection) idle.push(connection);
        inUse--;
        waiting.shift()?.();
      }
    },
    async close() {
      closed = true;
      while (inUse > 0) await new Promise<void>((resolve) => waiting.push(resolve));
      waiting.splice(0).forEach((resume) => resume());
      idle.splice(0).forEach(discard);
      await Promise.all(ending);
    },
  };
}

interface PooledConnection extends Connection {
  /** Whether it can no longer be used. */
  lost(): boolean;
  end(): Promise<void>;
}

function connect(
  url: string,
  label: string,
  answerTimeoutMs: number,
  password: TextFile | undefined,
): PooledConnection {
  let lost: unknown;
  const inFlight = new Set<(error: unknown) => void>();
  const peer = {
    id: label,
    name: label,
    until: "until it answers: is it up, and reachable from here?",
  };

  function lose(error: unknown): void {
    lost ??= error;
    for (const reject of inFlight) reject(lost);
    inFlight.clear();
  }

  const client = clientOf(
    url,
    password === undefined ? {} : { password: readPassword(password, label) },
    () => lose(new ConnectionLost("the connection was closed; its log says why")),
  );
  return {
    lost: () => lost !== undefined,
    end: () => client.end({ timeout: 0 }),
    async query<R>(sql: string, parameters: Parameter[] = []) {
      const question = waits.ask(peer, "a statement");
      try {
        const rows = await new Promise<R[]>((resolve, reject) => {
          if (lost !== undefined) return reject(lost);
          const late = () => lose(new NoAnswer(`no answer within ${answerTimeoutMs} ms`));
          const timer = setTimeout(late, answerTimeoutMs);
          const settle = () => {
            clearTimeout(timer);
            inFlight.delete(fail);
          };
          const fail = (error: unknown) => {
            settle();
            reject(error);
          };
          inFlight.add(fail);
          client.unsafe(sql, parameters, { prepare: true }).then((rows) => {
            settle();
            resolve(Array.from(rows as unknown as R[]));
          }, fail);
        });
        question.answered();
        return rows;
      } catch (error) {
        // A refusal or a closed connection is an answer, too.
        if (isSilence(error)) question.givenUp();
        else question.answered();
        // Not from PostgreSQL: the connection, or the package itself, is at fault.
        if (!(error instanceof postgres.PostgresError)) {
          lose(error);
          throw new RetryableError(`${label}: ${(error as Error).message}`, { cause: error });
        }
        const cause = causeInPostgres(error.code);
        if (cause.reconnect) lose(error);
        throw blamed(error, cause, placeOf(label, sql, error.message));
      }
    },
  };
}

/** @throws {Failure} the url has an invalid option */
function clientOf(url: string, login: { password?: string }, onclose: () => void) {
  try {
    return postgres(url, {
      ...ipv6Of(url),
      ...login,
      max: 1,
      connect_timeout: CONNECT_TIMEOUT_S,
      max_lifetime: null,
      fetch_types: false,
      onnotice: () => {},
      onclose,
      connection: { application_name: "orderflow", ...SERVER_LIMITS },
      // bigint: the columns hold safe integers only.
      types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
    });
  } catch (error) {
    throw new Failure(`DATABASE_URL: ${(error as Error).message}`, { cause: error });
  }
}

/** The package cuts an IPv6 address at its first colon, unless the address is in a list. */
function ipv6Of(url: string): { host?: string; port?: number } {
  const urls = urlsOf(url);
  if (!urls.some(({ hostname }) => hostname.startsWith("["))) return {};
  const host = urls.map(({ hostname }) => hostname.replace(/^\[(.*)\]$/, "$1"));
  // Its types know no lists.
  return { host, port: urls.map(({ port }) => Number(port || 5432)) } as never;
}

function readPassword(password: TextFile, label: string): string {
  try {
    return password.read();
  } catch (error) {
    throw new RetryableError(`${label}: ${(error as Error).message}`, { cause: error });
  }
}

class ConnectionLost extends Error {}
class NoAnswer extends ConnectionLost {}

function isSilence(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  return error instanceof NoAnswer ||
    ["CONNECT_TIMEOUT", "ETIMEDOUT", "EHOSTUNREACH"].includes(code);
}

const TABLE_OF = /"(\w+)"\."(\w+)"/;

/** What an error names: the database, and the table unless PostgreSQL names it itself. */
function placeOf(label: string, sql: string, said: string): string {
  const [, schema, name] = TABLE_OF.exec(sql) ?? [];
  if (name === undefined || said.includes(`"${schema}.${name}"`)) return label;
  return `${label}, table ${schema}.${name}`;
}

const HOSTS = /^\w+:\/\/(?:[^/?]*@)?([^/?@]+)/;

/** One URL for each host: with several hosts, `url` itself is no valid URL. @throws one cannot be read */
function urlsOf(url: string): URL[] {
  const hosts = HOSTS.exec(url)?.[1] ?? "";
  return hosts.split(",").map((host) => new URL(url.replace(hosts, host)));
}

/** The url for messages: without user, password and options. */
function labelOf(url: string): string {
  try {
    const urls = urlsOf(url);
    return `PostgreSQL at ${urls.map(({ host }) => host).join()}${urls[0]!.pathname}`;
  } catch {
    throw new Failure(
      "DATABASE_URL can't be read: expected postgres://user:password@host:port/database",
    );
  }
}
