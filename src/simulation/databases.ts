/**
 * The services' databases in a schedule: rows in memory, behind the real interface. Every step takes some
 * virtual time, and as in SQLite, one process at a time is in a transaction of an owner's tables.
 *
 * A killed process's transaction is rolled back at once. A frozen one keeps its lock: the others wait for
 * it, and get a RetryableError. As in SQLite it may commit once it is thawed; in half of the schedules,
 * as in PostgreSQL, it is rolled back after some time, and hears of that in its next step.
 */
import {
  type Database,
  keyOf,
  type Row,
  runTransaction,
  type Table,
} from "../database/database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { DatabaseRows, type RowTransaction } from "./database_rows.ts";
import type { Random } from "./random.ts";
import type { SimulatedProcess, VirtualTime } from "./time.ts";

/** What happens to the next transaction, or read, of an owner's tables. */
export type DatabaseFault =
  | "refuse"
  | "commit, answer lost"
  | "no commit, answer lost"
  /** Its commit takes that much longer, while it holds the lock. */
  | { readonly slowMs: number };

/** As much of virtual time as databases need. */
type Time = Pick<VirtualTime, "now" | "deliver">;
type Process = Pick<SimulatedProcess, "alive" | "frozen">;

/** As those of SQLite's: how long a transaction waits for the lock, and at most between two attempts. */
const LOCK_WAIT_MS = 2_000;
const LOCK_RETRY_MS = 3;
/** As PostgreSQL's idle_in_transaction_session_timeout. */
const IDLE_LIMIT_MS = 10_000;

export class SimulatedDatabases {
  readonly #time: Time;
  readonly #random: Random;
  readonly #stepMs: number;
  readonly #byOwner = new Map<string, OwnedDatabase>();

  /** @param stepMs how long a statement takes, about */
  constructor(time: Time, random: Random, stepMs = 1) {
    this.#time = time;
    this.#random = random;
    this.#stepMs = stepMs;
  }

  /** For a process, which may open it as often as it likes. */
  open(process: SimulatedProcess, owner: string, tables: readonly Table[]): Database {
    const database = this.#of(owner);
    database.rows.create(tables);
    return openDatabase(database, process);
  }

  /** Does not answer until it is mended: whatever is under way fails. @returns mends it */
  refuse(owner: string): () => void {
    const database = this.#of(owner);
    database.refusals++;
    return once(() => database.refusals--);
  }

  hit(owner: string, fault: DatabaseFault): void {
    const database = this.#of(owner);
    if (fault === "refuse") database.refusedNext++;
    else database.commitFaults.push(fault);
  }

  /** Each step takes that much longer. @returns ends it */
  slow(owner: string, byMs: number): () => void {
    const database = this.#of(owner);
    database.slowMs += byMs;
    return once(() => database.slowMs -= byMs);
  }

  /** What hit no transaction yet never will. */
  heal(): void {
    for (const database of this.#byOwner.values()) {
      database.refusedNext = 0;
      database.commitFaults.length = 0;
    }
  }

  /** To be called once a process is killed: what it locked is free. */
  killed(process: SimulatedProcess): void {
    for (const database of this.#byOwner.values()) database.killed(process);
  }

  /** Adds rows at once. */
  fill<T extends Table>(owner: string, table: T, rows: readonly Row<T>[]): void {
    const database = this.#of(owner);
    database.rows.create([table]);
    const transaction = database.rows.begin();
    transaction.upsert(table, rows);
    transaction.commit();
  }

  /** Committed rows, in the order of their keys; none of a table that was never opened. */
  rows<T extends Table>(owner: string, table: T): Row<T>[] {
    const { rows } = this.#of(owner);
    rows.create([table]);
    return rows.page(table, undefined, Infinity);
  }

  #of(owner: string): OwnedDatabase {
    let database = this.#byOwner.get(owner);
    if (!database) {
      const random = this.#random.fork(`database ${owner}`);
      database = new OwnedDatabase(owner, this.#time, random, this.#stepMs);
      this.#byOwner.set(owner, database);
    }
    return database;
  }
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/** A transaction that has the lock. */
interface Held {
  readonly process: Process;
  readonly rows: RowTransaction;
  /** When its last step was. */
  usedAt: number;
}

interface Waiter {
  readonly process: SimulatedProcess;
  readonly giveUpAt: number;
  readonly resolve: (held: Held) => void;
  readonly reject: (error: Error) => void;
}

class OwnedDatabase {
  readonly rows: DatabaseRows;
  /** Faults that do not let it answer, at present. */
  refusals = 0;
  slowMs = 0;
  /** Transactions and reads that are refused next. */
  refusedNext = 0;
  /** Of the next commits. */
  readonly commitFaults: Exclude<DatabaseFault, "refuse">[] = [];
  readonly #endsIdle: boolean;
  readonly #waiters = new Set<Waiter>();
  #held: Held | undefined;

  constructor(
    readonly owner: string,
    readonly time: Time,
    readonly random: Random,
    readonly stepMs: number,
  ) {
    this.rows = new DatabaseRows(owner);
    this.#endsIdle = random.chance(0.5);
  }

  /** Does `work` after the time that a step takes. @throws {RetryableError} it does not answer */
  step<T>(process: SimulatedProcess, work: () => T, moreMs = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      const afterMs = this.slowMs + moreMs + this.random.between(0.2, 1.8) * this.stepMs;
      this.time.deliver(process, afterMs, () => {
        if (this.refusals > 0) return reject(this.refusal("does not answer"));
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** A transaction's first step, or a read. */
  first<T>(process: SimulatedProcess, work: () => T): Promise<T> {
    if (this.refusedNext === 0) return this.step(process, work);
    this.refusedNext--;
    return this.step(process, () => {
      throw this.refusal("does not answer");
    });
  }

  refusal(why: string): RetryableError {
    return new RetryableError(`database ${this.owner}: ${why}`);
  }

  /** @throws {RetryableError} others keep it locked */
  lock(process: SimulatedProcess): Held | Promise<Held> {
    if (this.#isFree) return this.#take(process);
    return new Promise((resolve, reject) => {
      const waiter = { process, giveUpAt: this.time.now + LOCK_WAIT_MS, resolve, reject };
      this.#waiters.add(waiter);
      this.time.deliver(process, LOCK_WAIT_MS, () => this.#retry(waiter));
    });
  }

  /** @throws {RetryableError} it has the lock no more */
  use(held: Held): RowTransaction {
    if (this.#held !== held) throw this.refusal("the transaction was ended: it was idle");
    held.usedAt = this.time.now;
    return held.rows;
  }

  release(held: Held): void {
    if (this.#held !== held) return;
    this.#held = undefined;
    for (const waiter of this.#waiters) {
      const afterMs = this.random.between(0, LOCK_RETRY_MS);
      this.time.deliver(waiter.process, afterMs, () => this.#retry(waiter));
    }
  }

  killed(process: Process): void {
    for (const waiter of this.#waiters) {
      if (waiter.process === process) this.#waiters.delete(waiter);
    }
    if (this.#held?.process === process) this.release(this.#held);
  }

  get #isFree(): boolean {
    if (!this.#held) return true;
    const { process, usedAt } = this.#held;
    return !process.alive ||
      this.#endsIdle && process.frozen && this.time.now - usedAt > IDLE_LIMIT_MS;
  }

  #take(process: Process): Held {
    return this.#held = { process, rows: this.rows.begin(), usedAt: this.time.now };
  }

  #retry(waiter: Waiter): void {
    if (!this.#waiters.has(waiter)) return;
    const isFree = this.#isFree;
    if (!isFree && this.time.now < waiter.giveUpAt) return;
    this.#waiters.delete(waiter);
    if (isFree) waiter.resolve(this.#take(waiter.process));
    else waiter.reject(this.refusal("is locked by another process"));
  }
}

function openDatabase(database: OwnedDatabase, process: SimulatedProcess): Database {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  const assertOpen = () => {
    if (closed) throw database.refusal("is closed");
  };
  const read = <T>(work: () => T): Promise<T> => {
    assertOpen();
    return database.first(process, work);
  };
  return {
    // A process has one transaction at a time, as on SQLite's one connection.
    async transaction(work) {
      assertOpen();
      const result = last.then(() => runTransaction(openSession(database, process), work));
      last = result.catch(() => {});
      return await result;
    },
    async *scan(table, pageSize = 10_000) {
      let after: string | undefined;
      while (true) {
        const rows = await read(() => database.rows.page(table, after, pageSize));
        if (rows.length > 0) yield rows;
        if (rows.length < pageSize) return;
        after = keyOf(table, rows.at(-1)!);
      }
    },
    count: (table) => read(() => database.rows.count(table)),
    async close() {
      closed = true;
      await last;
    },
  };
}

function openSession(database: OwnedDatabase, process: SimulatedProcess) {
  let held: Held | undefined;
  const step = <T>(work: (rows: RowTransaction) => T): Promise<T> =>
    database.step(process, () => work(database.use(held!)));
  return {
    async begin(): Promise<void> {
      held = await database.first(process, () => database.lock(process));
    },
    select: <T extends Table>(table: T, keys: readonly string[]) =>
      step((rows) => rows.select(table, keys)),
    insert: <T extends Table>(table: T, added: readonly Row<T>[]) =>
      step((rows) => rows.insert(table, added)),
    upsert: <T extends Table>(table: T, added: readonly Row<T>[]) =>
      step((rows) => rows.upsert(table, added)),
    commit(): Promise<void> {
      const fault = database.commitFaults.shift();
      const moreMs = typeof fault === "object" ? fault.slowMs : 0;
      return database.step(process, () => {
        const rows = database.use(held!);
        if (fault !== "no commit, answer lost") rows.commit();
        database.release(held!);
        if (typeof fault === "string") throw database.refusal("does not answer");
      }, moreMs);
    },
    rollback(): Promise<void> {
      if (held) database.release(held);
      return Promise.resolve();
    },
  };
}
