/**
 * What V8's garbage collection takes, from the line that `--trace-gc` prints for each collection, by the
 * age of the process. V8 writes its lines when its buffer is full and when the process ends: they are
 * read after that.
 */

/** For the environment of a process that is started by `deno run`. */
export const TRACE_GARBAGE = { DENO_V8_FLAGS: "--trace-gc" };

export interface Garbage {
  /** How long the program stood still for it, seconds. */
  readonly pauseSeconds: number;
  /** What the program allocated, between the first and the last collection. */
  readonly allocatedMiB: number;
}

/** `[17:0x55] 401 ms: Scavenge 26.7 (42.7) -> 23.5 (40.2) MB, …, 1.15 / 0.00 ms (+ 3.5 ms in 7 steps …` */
const COLLECTION =
  /^\[\d+:0x[\da-f]+\] +(\d+) ms: [^\n]*? ([\d.]+) \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB[^\n]*?, ([\d.]+) \/ [\d.]+ ms +(?:\(\+ ([\d.]+) ms in \d+ steps)?/gm;

/**
 * @param log what a process printed
 * @param window from and to which age of it, seconds
 */
export function garbageIn(log: string, window: { from: number; to: number }): Garbage {
  const collections = [...log.matchAll(COLLECTION)]
    .map(([, ms, before, after, pause, steps = "0"]) => ({
      age: Number(ms) / 1_000,
      before: Number(before),
      after: Number(after),
      pauseMs: Number(pause) + Number(steps),
    }))
    .filter(({ age }) => age >= window.from && age <= window.to);
  const allocations = collections.slice(1)
    .map(({ before }, i) => Math.max(0, before - collections[i]!.after));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    pauseSeconds: sum(collections.map(({ pauseMs }) => pauseMs)) / 1_000,
    allocatedMiB: sum(allocations),
  };
}
