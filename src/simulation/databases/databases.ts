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
} from "../../database/database.ts";
import { type DatabaseFault, type Held, OwnedDatabase, type Time } from "./owned.ts";
import type { RowTransaction } from "./rows.ts";
import type { Random } from "../random.ts";
import type { SimulatedProcess } from "../process.ts";

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
    async transaction(work, options) {
      assertOpen();
      const result = last.then(() => runTransaction(openSession(database, process), work, options));
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
    database.statement(process, () => work(database.use(held!)));
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
    update: <T extends Table>(table: T, changed: readonly Row<T>[], same: string) =>
      step((rows) => rows.update(table, changed, same)),
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
