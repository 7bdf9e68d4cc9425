/** A broker's leadership of a partition in one epoch: what is written is acknowledged when it is replicated. */
import type { Broker, Home, Led } from "./broker.ts";
import { NONE, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT } from "./codes.ts";
import type { Chance } from "./requests.ts";

/** How the replicas are, for all partitions alike: each is on every broker. */
export class Replicas {
  /** A broker alone has nothing to wait for. */
  alone = false;
  /** All that are in sync answer, and there are enough of them. */
  working = true;
  /** Fewer are in sync than min.insync.replicas: writes are refused. */
  tooFew = false;
  readonly stalled = new Set<Leadership>();

  changed(working: boolean, tooFew: boolean): void {
    this.working = working;
    this.tooFew = tooFew;
    if (!working) return;
    const stalled = [...this.stalled];
    this.stalled.clear();
    for (const leadership of stalled) leadership.resume();
  }
}

interface Waiting {
  readonly done: (code: number) => void;
  readonly limitMs: number;
  /** Whether its limit runs: only where it takes longer than usual. */
  isLimited: boolean;
}

const ACKS_LIMIT_MS = 30_000;

export abstract class Leadership implements Led {
  /** Its broker takes itself for the leader. */
  isActive = true;
  /** Of this partition and epoch: what happens elsewhere changes nothing here. */
  readonly random: Chance;
  #waiting: Waiting[] = [];
  #timed = false;

  constructor(
    readonly home: Home,
    readonly broker: Broker,
    readonly epoch: number,
    protected readonly replicas: Replicas,
    random: Chance,
  ) {
    this.random = random.fork(`${home.name} ${home.partition} ${epoch}`);
  }

  /** Another broker has taken over: nothing can be replicated any more, whether or not this one knows. */
  get isDeposed(): boolean {
    return this.home.owner !== this;
  }

  /** Everything that was appended is with the replicas. */
  protected abstract advance(): void;
  /** Whatever else waits here. */
  protected abstract stopped(): void;

  /** @param done with 0, or why it is not known to be replicated; at once where the broker is alone */
  protected replicated(done: (code: number) => void, limitMs = ACKS_LIMIT_MS): void {
    if (this.replicas.alone) {
      this.advance();
      done(NONE);
      return;
    }
    this.#waiting.push({ done, limitMs, isLimited: false });
    this.#arm();
  }

  get hasUnreplicated(): boolean {
    return this.#waiting.length > 0;
  }

  /** The replicas fetch again, whether or not somebody still waits. */
  resume(): void {
    if (this.isActive) this.#arm();
  }

  #arm(): void {
    if (this.#timed) return;
    this.#timed = true;
    // The followers' next fetches.
    this.broker.after(this.random.between(0.3, 4), () => {
      this.#timed = false;
      this.#replicate();
    });
  }

  #replicate(): void {
    if (!this.isActive) return;
    // Followers of a newer leader do not fetch from this one.
    if (this.isDeposed || !this.replicas.working || this.broker.isCutOff) {
      if (!this.isDeposed) this.replicas.stalled.add(this);
      for (const each of this.#waiting) this.#limit(each);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    this.advance();
    for (const each of waiting) each.done(NONE);
  }

  #limit(waiting: Waiting): void {
    if (waiting.isLimited) return;
    waiting.isLimited = true;
    this.broker.after(waiting.limitMs, () => {
      const at = this.#waiting.indexOf(waiting);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      waiting.done(REQUEST_TIMED_OUT);
    });
  }

  resign(): void {
    this.isActive = false;
    this.replicas.stalled.delete(this);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.done(NOT_LEADER_OR_FOLLOWER);
    this.stopped();
  }

  die(): void {
    this.isActive = false;
    this.replicas.stalled.delete(this);
    this.#waiting = [];
    this.stopped();
  }
}
