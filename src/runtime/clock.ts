/**
 * By how much this process's clock differs from the database's. Events carry times of several machines,
 * and a latency is the difference of two of them. (Kafka's answers have no time in them; what events
 * prove of other clocks, analytics says.)
 */
import { Gauge, type Registry } from "prom-client";

/** Machines that keep their clocks (NTP) differ by less. */
export const CLOCK_TOLERANCE_MS = 3_000;

export class ClockCheck {
  readonly #aheadMs = new Map<string, number>();
  readonly #logged = new Set<string>();
  #log: { warn(line: string): void; info(line: string): void } | undefined;

  /** Sets the log that gets a line when a difference begins, and when it ends. */
  logTo(log: { warn(line: string): void; info(line: string): void }): void {
    this.#log = log;
  }

  /**
   * Notes what another clock said; epoch milliseconds.
   *
   * @param of whose it is, such as `PostgreSQL at db/orders`
   * @param between this process's time when it asked, and when it was answered
   */
  note(of: string, saidMs: number, between: readonly [askedMs: number, answeredMs: number]): void {
    const [askedMs, answeredMs] = between;
    // It may have read its clock at any time in between.
    const aheadMs = askedMs > saidMs ? askedMs - saidMs : Math.min(0, answeredMs - saidMs);
    this.#aheadMs.set(of, aheadMs);
    const isOff = Math.abs(aheadMs) > CLOCK_TOLERANCE_MS;
    if (isOff === this.#logged.has(of)) return;
    if (isOff) this.#logged.add(of);
    else this.#logged.delete(of);
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    if (isOff) {
      this.#log?.warn(
        `this process's clock is ${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} that of ` +
          `${of}: latencies are off until both are set right (NTP)`,
      );
    } else this.#log?.info(`this process's clock and that of ${of} agree again`);
  }

  register(registry: Registry): void {
    const aheadMs = this.#aheadMs;
    new Gauge({
      name: "orderflow_own_clock_ahead_seconds",
      help: "By at least how much this process's clock is ahead of another one; negative: behind",
      labelNames: ["of"],
      registers: [registry],
      collect() {
        this.reset();
        for (const [of, ms] of aheadMs) this.set({ of }, ms / 1_000);
      },
    });
  }
}

/** This process's; the database's connections use it. */
export const clockCheck = new ClockCheck();
