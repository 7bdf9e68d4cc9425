/**
 * A few connections to one PostgreSQL, each lent to one user at a time.
 *
 * Every connection is a `postgres()` of its own with one socket, thrown away when it is lost, instead
 * of that package's own pool and transactions: 3.4.9 crashes the process ("Cannot read properties of
 * null (reading 'write')", thrown from a timer) when the server goes away between two statements of
 * `sql.begin`, and it has no limit for how long an answer may take.
 */
import postgres from "postgres";
import { Failure } from "../runtime/program.ts";
import { ownClock } from "../runtime/own_clock.ts";
import { waits } from "../runtime/waits.ts";
import { Unavailable } from "./database.ts";

export type Parameter = string | number | null;

export interface Connection {
  /**
   * @param parameters `$1`, `$2`, …; arrays as array literals
   * @throws {Unavailable} see `translate`; everything else is PostgreSQL's own error
   */
  query<R>(sql: string, parameters?: Parameter[]): Promise<R[]>;
}

export interface Pool {
  /** Lends a connection to `work`, as soon as one is free. */
  use<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Waits for who is using a connection, then closes all; nobody can use one any more. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 4;
const CONNECT_TIMEOUT_S = 3;
const COMPARE_CLOCKS_EVERY_MS = 60_000;
/** Without an answer for so long, the server or the way to it is gone. Above what it is told below. */
const ANSWER_TIMEOUT_MS = 12_000;
/** What the server is told; a frozen process's locks end with its idle transaction. */
const SERVER_LIMITS = {
  lock_timeout: 3_000,
  statement_timeout: 10_000,
  idle_in_transaction_session_timeout: 10_000,
  // A plan that was made once for few keys looks each of many up in a list: 1,000 rows into a table
  // that grows took 158 ms in the end, and with a plan of their own always 12 ms.
  plan_cache_mode: "force_custom_plan",
};

/**
 * Makes the pool; connects at the first use.
 *
 * @param url `postgres://user:password@host:port/database`
 * @param answerTimeoutMs after how long without an answer a connection is given up
 * @throws {Failure} the url is not of that form; the message does not show it, it holds a password
 */
export function createPool(url: string, answerTimeoutMs = ANSWER_TIMEOUT_MS): Pool {
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

  /** An idle connection that still works, or else a new one. */
  function take(): PooledConnection {
    let connection = idle.pop();
    while (connection?.lost()) {
      discard(connection);
      connection = idle.pop();
    }
    return connection ?? connect(url, label, answerTimeoutMs);
  }

  /** Of the database's machine and of ours; every now and then. */
  async function compareClocks(connection: PooledConnection): Promise<void> {
    if (performance.now() < compareAt) return;
    compareAt = performance.now() + COMPARE_CLOCKS_EVERY_MS;
    const askedMs = Date.now();
    const [row] = await connection.query<{ ms: number }>(
      "select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms",
    );
    ownClock.note(label, row!.ms, [askedMs, Date.now()]);
  }

  return {
    async use(work) {
      if (closed) throw new Error(`${label} is closed`);
      while (inUse >= MAX_CONNECTIONS) await new Promise<void>((resolve) => waiting.push(resolve));
      inUse++;
      let connection: PooledConnection | undefined;
      try {
        connection = take();
        await compareClocks(connection);
        return await work(connection);
      } finally {
        if (connection?.lost()) discard(connection);
        else if (connection) idle.push(connection);
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
  /** Whether it can't be used any more. */
  lost(): boolean;
  end(): Promise<void>;
}

function connect(url: string, label: string, answerTimeoutMs: number): PooledConnection {
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

  const client = postgres(url, {
    max: 1,
    connect_timeout: CONNECT_TIMEOUT_S,
    max_lifetime: null,
    fetch_types: false,
    onnotice: () => {},
    onclose: () => lose(new ConnectionLost("the connection was closed")),
    connection: { application_name: "orderflow", ...SERVER_LIMITS },
    // bigint: the columns hold safe integers only.
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  });

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
        // Whoever refuses, or closes the connection, is not silent.
        if (isSilence(error)) question.givenUp();
        else question.answered();
        if (!(error instanceof postgres.PostgresError)) lose(error);
        throw translate(error, label);
      }
    },
  };
}

class ConnectionLost extends Error {}
class NoAnswer extends ConnectionLost {}

function isSilence(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  return error instanceof NoAnswer ||
    ["CONNECT_TIMEOUT", "ETIMEDOUT", "EHOSTUNREACH"].includes(code);
}

/**
 * SQLSTATE classes of errors that the statement or its values are to blame for: passed through. All
 * else (connections, resources, locks, deadlocks, failover, shutdown, rights) is no row's fault.
 */
const BLAMEABLE_CLASSES = ["0A", "21", "22", "23", "42", "54"];
const INSUFFICIENT_PRIVILEGE = "42501";

function translate(error: unknown, label: string): unknown {
  if (error instanceof postgres.PostgresError) {
    const { code } = error;
    const blameable = BLAMEABLE_CLASSES.includes(code.slice(0, 2));
    if (blameable && code !== INSUFFICIENT_PRIVILEGE) return error;
  } else if (!(error instanceof ConnectionLost) && !(error as { code?: string }).code) {
    return error;
  }
  return new Unavailable(`${label}: ${(error as Error).message}`, { cause: error });
}

/** What people may see of a url: everything but user, password and options. */
function labelOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `PostgreSQL at ${host}${pathname}`;
  } catch {
    throw new Failure(
      "DATABASE_URL can't be read: expected postgres://user:password@host:port/database",
    );
  }
}
