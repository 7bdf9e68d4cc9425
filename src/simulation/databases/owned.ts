/** One owner's tables in a schedule: who has the lock, how long steps take, and which faults they meet. */
import { RetryableError } from "../../runtime/errors.ts";
import type { SimulatedProcess } from "../process.ts";
import type { Random } from "../random.ts";
import type { VirtualTime } from "../time.ts";
import { DatabaseRows, type RowTransaction } from "./rows.ts";

/** What happens to the next transaction, or read, of an owner's tables. */
export type DatabaseFault =
  | "refuse"
  | "commit, answer lost"
  | "no commit, answer lost"
  /** Its commit takes that much longer, while it holds the lock. */
  | { readonly slowMs: number };

/** As much of virtual time as databases need. */
export type Time = Pick<VirtualTime, "now" | "deliver">;
type Process = Pick<SimulatedProcess, "alive" | "frozen">;

/** As those of SQLite's: how long a transaction waits for the lock, and at most between two attempts. */
const LOCK_WAIT_MS = 2_000;
const LOCK_RETRY_MS = 3;
/** Of the steps within transactions. */
const TIMED_SHARE = 0.3;
/** As PostgreSQL's idle_in_transaction_session_timeout. */
const IDLE_LIMIT_MS = 10_000;

/** A transaction that has the lock. */
export interface Held {
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

/** The tables of one owner: their lock, and the faults that they meet. */
export class OwnedDatabase {
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

  /**
   * A step within a transaction. As nobody else meets what it does, most take no time: only so many that
   * all that may happen between two steps does.
   */
  statement<T>(process: SimulatedProcess, work: () => T): Promise<T> {
    const takesTime = this.slowMs > 0 || this.refusals > 0 || this.random.chance(TIMED_SHARE);
    if (takesTime) return this.step(process, work);
    return new Promise((resolve) => resolve(work()));
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
