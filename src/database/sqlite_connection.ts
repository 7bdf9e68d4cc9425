/** Connections to an SQLite file, opened anew when they have to be; and what their errors mean. */
import { DatabaseSync } from "node:sqlite";
import { pause } from "../runtime/shutdown.ts";
import { waits } from "../runtime/waits.ts";
import { blamed, type Cause, causeInSqlite } from "./blame.ts";
import { RetryableError } from "../runtime/errors.ts";

/** How long to wait for another process's transaction, and the pause between two attempts. */
const LOCK_WAIT_MS = 2_000;
const LOCK_RETRY_MS = 2;
/** How often it checks that the file is still the one that was opened. */
const SAME_FILE_EVERY_MS = 1_000;

/** Another connection is in the way: BUSY, LOCKED, PROTOCOL. */
const LOCK_CODES = [5, 6, 15];
const CANTOPEN = 14;

/** Opens the file, or creates it. SQLite's own waiting would block the event loop: see `whenFree`. */
export function connect(path: string): DatabaseSync {
  return new DatabaseSync(path, { timeout: 0 });
}

export interface Renewable<T> {
  /** What `prepare` made of the present connection; opens one if there is none, but creates no file. */
  get(): T;
  /** To be called with every error: closes the connection if a new one may work. */
  failed(error: unknown): void;
  close(): void;
}

/**
 * A connection that is opened anew after an error that a new one may not have (a damaged page in its
 * cache), and when the path names another file (a restored backup). Without that, a service would go on
 * writing to a file that has no name any more.
 *
 * @param prepare is called with each new connection
 */
export function renewable<T>(path: string, prepare: (connection: DatabaseSync) => T): Renewable<T> {
  let current: { connection: DatabaseSync; prepared: T; file: string } | undefined;
  let checkedAt = -Infinity;

  function close(): void {
    current?.connection.close();
    current = undefined;
  }

  return {
    get() {
      const now = performance.now();
      if (current && now - checkedAt < SAME_FILE_EVERY_MS) return current.prepared;
      checkedAt = now;
      const file = identityOf(path);
      if (current?.file !== file) close();
      if (!current) {
        const connection = connect(path);
        try {
          current = { connection, prepared: prepare(connection), file };
        } catch (error) {
          connection.close();
          throw error;
        }
      }
      return current.prepared;
    },
    failed(error) {
      const { cause } = error as Error;
      if (causeOf(cause)?.reconnect) close();
    },
    close,
  };
}

function identityOf(path: string): string {
  try {
    const { dev, ino } = Deno.statSync(path);
    return `${dev}/${ino}`;
  } catch (error) {
    throw new RetryableError(
      `SQLite at ${path}: the file is gone; restore it from a backup, then \`deno task audit\` ` +
        "says what is missing",
      { cause: error },
    );
  }
}

/** Undefined when the error is not SQLite's. (An error of opening a file has no `errcode`.) */
function codeOf(error: unknown): number | undefined {
  const { errcode, code } = (error ?? {}) as { errcode?: number; code?: string };
  return errcode ?? (code === "ERR_SQLITE_ERROR" ? CANTOPEN : undefined);
}

/** Undefined when the error is not SQLite's. */
export function causeOf(error: unknown): Cause | undefined {
  const code = codeOf(error);
  return code === undefined ? undefined : causeInSqlite(code, (error as Error).message);
}

function translate(path: string, error: unknown): unknown {
  const cause = causeOf(error);
  return cause ? blamed(error as Error, cause, `SQLite at ${path}`) : error;
}

/** Does one synchronous step; rejects with its error in the terms of `Database`. */
export function translated<T>(path: string, step: () => T): Promise<T> {
  try {
    return Promise.resolve(step());
  } catch (error) {
    return Promise.reject(translate(path, error));
  }
}

/** Does one synchronous step as soon as no other process holds the lock, within LOCK_WAIT_MS. */
export async function whenFree<T>(path: string, step: () => T): Promise<T> {
  const giveUpAt = performance.now() + LOCK_WAIT_MS;
  const question = waits.ask(
    {
      id: path,
      name: `SQLite at ${path}`,
      until: "until the process that has locked it releases the lock",
    },
    "its lock",
  );
  while (true) {
    try {
      const result = step();
      question.answered();
      return result;
    } catch (error) {
      const locked = LOCK_CODES.includes((codeOf(error) ?? 0) & 0xff);
      if (!locked) question.answered();
      else if (performance.now() > giveUpAt) question.givenUp();
      if (!locked || performance.now() > giveUpAt) throw translate(path, error);
    }
    // With jitter, so that several waiters do not collide again and again.
    await pause(LOCK_RETRY_MS * (0.5 + Math.random()));
  }
}
