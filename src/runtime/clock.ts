/**
 * By how much this process's clock differs from those that it can ask: the database's. Events carry
 * times of several machines, and latency is the difference of two of them. (What Kafka answers has no
 * time in it; what events prove of clocks, analytics tells.)
 */
import { Gauge, type Registry } from "prom-client";

/** Machines whose clocks are kept differ by less. */
const TOLERANCE_MS = 3_000;

export class ClockCheck {
  readonly #aheadMs = new Map<string, number>();
  readonly #told = new Set<string>();
  #log: { warn(line: string): void; info(line: string): void } | undefined;

  /** Whom to tell when a difference begins, and when it ends. */
  tell(log: { warn(line: string): void; info(line: string): void }): void {
    this.#log = log;
  }

  /**
   * Notes what somebody's clock said; epoch milliseconds.
   *
   * @param of whose it is, such as `PostgreSQL at db/orders`
   * @param between this process's time when it asked, and when it was answered
   */
  note(of: string, saidMs: number, between: readonly [askedMs: number, answeredMs: number]): void {
    const [askedMs, answeredMs] = between;
    // It may have looked at its clock at any time in between.
    const aheadMs = askedMs > saidMs ? askedMs - saidMs : Math.min(0, answeredMs - saidMs);
    this.#aheadMs.set(of, aheadMs);
    const isOff = Math.abs(aheadMs) > TOLERANCE_MS;
    if (isOff === this.#told.has(of)) return;
    if (isOff) this.#told.add(of);
    else this.#told.delete(of);
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    if (isOff) {
      this.#log?.warn(
        `this process's clock is ${seconds} s ${
          aheadMs > 0 ? "ahead of" : "behind"
        } that of ${of}: ` +
          "latencies are off until both are set right (NTP)",
      );
    } else this.#log?.info(`this process's clock and that of ${of} agree again`);
  }

  register(registry: Registry): void {
    const aheadMs = this.#aheadMs;
    new Gauge({
      name: "orderflow_own_clock_ahead_seconds",
      help: "By how much this process's clock is ahead of another one, at least; negative: behind",
      labelNames: ["of"],
      registers: [registry],
      collect() {
        this.reset();
        for (const [of, ms] of aheadMs) this.set({ of }, ms / 1_000);
      },
    });
  }
}

/** This process's. */
export const clockCheck = new ClockCheck();
