/**
 * Spares a peer that fails: when more than half of its answers of the last seconds were failures, nobody
 * asks it for a while. Then one caller tries, and the others wait for what it finds.
 *
 * It counts over a time, not over a number of calls, because calls that time out together are many at
 * once. It is told of results, rather than wrapped around calls: that costs nothing a call. Its clock
 * only goes forward, so that one that is set back does not keep the peer spared.
 */

/** Share of failures that is too much. */
const THRESHOLD = 0.5;
/** Of fewer calls in the last seconds it draws no conclusion. */
const MIN_CALLS = 20;
const WINDOW_MS = 1_000;
const WINDOWS = 5;

type State = "closed" | "open" | "trial";

export class CircuitBreaker {
  #state: State = "closed";
  #epoch = 0;
  #openUntilMs = 0;
  #trial = Promise.withResolvers<void>();
  #failure: unknown;
  /** Of the last seconds, one a window. */
  #calls = new Array<number>(WINDOWS).fill(0);
  #failures = new Array<number>(WINDOWS).fill(0);
  #window = 0;

  /**
   * @param openMs how long the peer is spared before it is tried
   * @param onChange told when the peer begins to be spared, and when that is over
   */
  constructor(
    private readonly openMs: number,
    private readonly onChange: (isClosed: boolean) => void,
  ) {}

  /** For the results of calls that begin now: those from before the last change do not count. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the caller may call now. If so, it has to tell the result, which may close the breaker. */
  mayCall(): boolean {
    if (this.#state === "closed") return true;
    if (this.#state === "trial" || performance.now() < this.#openUntilMs) return false;
    this.#trial = Promise.withResolvers();
    this.#change("trial");
    return true;
  }

  /** Resolves when the caller that tries knows more; undefined if nobody does. */
  get trial(): Promise<void> | undefined {
    return this.#state === "trial" ? this.#trial.promise : undefined;
  }

  /** The error for which the peer is, or was, spared. */
  get failure(): unknown {
    return this.#failure;
  }

  succeeded(epoch: number): void {
    if (epoch !== this.#epoch) return;
    if (this.#state === "closed") return this.#count(0);
    this.#calls.fill(0);
    this.#failures.fill(0);
    this.#change("closed");
    this.onChange(true);
    this.#trial.resolve();
  }

  failed(epoch: number, error: unknown): void {
    if (epoch !== this.#epoch) return;
    const isTrial = this.#state === "trial";
    if (!isTrial) {
      this.#count(1);
      const calls = sum(this.#calls);
      if (calls < MIN_CALLS || sum(this.#failures) <= THRESHOLD * calls) return;
    }
    this.#failure = error;
    this.#openUntilMs = performance.now() + this.openMs;
    this.#change("open");
    if (isTrial) this.#trial.resolve();
    else this.onChange(false);
  }

  #change(state: State): void {
    this.#state = state;
    this.#epoch++;
  }

  #count(failures: 0 | 1): void {
    const window = Math.floor(performance.now() / WINDOW_MS);
    // Windows without a call are as empty as new ones.
    for (let gone = Math.max(this.#window, window - WINDOWS); gone < window; gone++) {
      const next = (gone + 1) % WINDOWS;
      this.#calls[next] = this.#failures[next] = 0;
    }
    this.#window = window;
    this.#calls[window % WINDOWS]! += 1;
    this.#failures[window % WINDOWS]! += failures;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
