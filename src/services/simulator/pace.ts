/**
 * How many orders are due when. Pure.
 *
 * The load is open-loop: customers do not wait for the shop. With a rate, order n is due n / rate
 * seconds after the start, whatever became of those before it, and that is the time that it says it
 * was placed; a cluster that cannot keep up shows as latency, not as fewer orders. Without a rate,
 * every order is due at once, and placed when it is made.
 */

interface PaceOptions {
  /** The first sequence number: those below it were placed before. */
  readonly first: number;
  /** How many in all, those placed before included; 0 until stopped. */
  readonly orders: number;
  /** Orders a second; 0 as fast as possible. */
  readonly ratePerS: number;
  /** For how long orders are due; 0 without limit. */
  readonly durationMs: number;
}

export interface Pace {
  /** How many orders there will be in all, those placed before included; Infinity when open. */
  readonly total: number;
  /** How many are due at a time, milliseconds since the start, those before included. Never less. */
  due(elapsedMs: number): number;
  /** When an order is due, milliseconds since the start; undefined without a rate. */
  dueAtMs(sequence: number): number | undefined;
  /** Whether no further order is to be made, however many are due: a duration without a rate is over. */
  over(elapsedMs: number): boolean;
}

export function createPace({ first, orders, ratePerS, durationMs }: PaceOptions): Pace {
  const most = orders > 0 ? orders : Infinity;
  if (ratePerS === 0) {
    return {
      total: most,
      due: () => most,
      dueAtMs: () => undefined,
      over: (elapsedMs) => durationMs > 0 && elapsedMs >= durationMs,
    };
  }
  const dueBefore = (ms: number) => Math.max(0, Math.ceil(ms * ratePerS / 1_000));
  const total = Math.min(most, durationMs > 0 ? first + dueBefore(durationMs) : Infinity);
  const dueAt = (ms: number) => Math.max(0, Math.floor(ms * ratePerS / 1_000) + 1);
  return {
    total,
    due: (elapsedMs) => Math.min(total, first + dueAt(elapsedMs)),
    dueAtMs: (sequence) => (sequence - first) * 1_000 / ratePerS,
    over: () => false,
  };
}
