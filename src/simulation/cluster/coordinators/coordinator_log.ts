/** The log of a coordinator's partition: what was decided, in order. A new coordinator reads it again. */
import type { Led } from "../broker.ts";
import {
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  NONE,
  NOT_COORDINATOR,
  NOT_LEADER_OR_FOLLOWER,
} from "../codes.ts";
import { Leadership } from "../leadership.ts";

export abstract class Coordinator<Entry> extends Leadership {
  /** What is above `#committed` may be lost when another broker takes over. */
  readonly entries: Entry[] = [];
  #committed = 0;
  isLoading = false;

  /** Reads the log of the one before: all that was replicated, and perhaps more. */
  protected load(previous: Led | undefined): void {
    if (!(previous instanceof Coordinator)) return;
    const { entries } = previous as Coordinator<Entry>;
    const committed = (previous as Coordinator<Entry>).#committed;
    const above = entries.length - committed;
    const had = previous.broker === this.broker ? above : this.random.int(above + 1);
    this.isLoading = true;
    for (let i = 0; i < committed + had; i++) {
      this.entries.push(entries[i]!);
      this.replay(entries[i]!, i);
    }
    // Its followers have fetched what it took over by then: if they cannot, it loads all the same.
    this.#committed = this.entries.length;
    this.broker.after(this.random.between(5, 300), () => this.#loaded());
  }

  #loaded(): void {
    if (!this.isActive) return;
    this.isLoading = false;
    this.loaded();
  }

  /** Why it does not answer now; 0: it does. */
  get unavailable(): number {
    if (!this.isActive) return NOT_COORDINATOR;
    return this.isLoading ? COORDINATOR_LOAD_IN_PROGRESS : NONE;
  }

  /** @param done when it is replicated, or with why this is not known */
  protected write(entry: Entry, done: (code: number) => void): void {
    if (this.replicas.tooFew) return done(COORDINATOR_NOT_AVAILABLE);
    this.entries.push(entry);
    this.replicated((code) => done(asCoordinator(code)));
  }

  /** When all that was written so far is replicated. */
  protected waitForWrites(done: (code: number) => void): void {
    this.replicated((code) => done(asCoordinator(code)));
  }

  protected override advance(): void {
    const from = this.#committed;
    this.#committed = this.entries.length;
    for (let i = from; i < this.#committed; i++) this.committed(this.entries[i]!, i);
  }

  protected override stopped(): void {}

  /** An entry that was there before this coordinator began. */
  protected abstract replay(entry: Entry, index: number): void;
  /** An entry of its own is replicated. */
  protected abstract committed(entry: Entry, index: number): void;
  protected abstract loaded(): void;
}

/** As TransactionStateManager and the group coordinator translate errors of their logs. */
function asCoordinator(code: number): number {
  if (code === NONE) return NONE;
  return code === NOT_LEADER_OR_FOLLOWER ? NOT_COORDINATOR : COORDINATOR_NOT_AVAILABLE;
}
