/** How long until a group has caught up, at the rates of the last seconds. Pure, and bounded. */
import type { Lag } from "./lag.ts";

export interface Drain {
  readonly state: "caught up" | "keeps up" | "shrinks" | "grows" | "unknown";
  /** Until nothing waits; null unless the lag shrinks. */
  readonly ms: number | null;
}

const OVER_MS = 10_000;
/** With fewer seconds of samples nothing is said: a single transaction would decide. */
const LEAST_MS = 3_000;
/** Messages that wait for less are on their way: the lag of a group that keeps up goes up and down. */
const KEEPS_UP_MS = 2_000;

interface Sample {
  readonly atMs: number;
  readonly messages: number;
}

/** The lags of one group over the last seconds. */
export class DrainTime {
  readonly #samples: Sample[] = [];

  /** Takes one sample; returns what it says, with those before. */
  observe(atMs: number, { messages, ms, atLeast }: Lag): Drain {
    this.#samples.push({ atMs, messages });
    while (this.#samples[0]!.atMs < atMs - OVER_MS) this.#samples.shift();
    if (messages === 0) return { state: "caught up", ms: null };
    if (ms < KEEPS_UP_MS && !atLeast) return { state: "keeps up", ms: null };
    if (atMs - this.#samples[0]!.atMs < LEAST_MS) return { state: "unknown", ms: null };
    const perMs = slopeOf(this.#samples);
    return perMs < 0 ? { state: "shrinks", ms: messages / -perMs } : { state: "grows", ms: null };
  }
}

/** By least squares: commits come in steps, and two samples alone would depend on where they fall. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const at = mean(({ atMs }) => atMs);
  const messages = mean((sample) => sample.messages);
  const [over, under] = samples.reduce(
    ([over, under], sample) => [
      over + (sample.atMs - at) * (sample.messages - messages),
      under + (sample.atMs - at) ** 2,
    ],
    [0, 0],
  );
  return over! / under!;
}
