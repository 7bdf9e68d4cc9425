/** Makes a failing schedule small enough to be understood: fewer faults, then weaker ones. */
import { type Fault, weaker } from "../faults/faults.ts";

export interface ShrinkOptions {
  /** Whether the promise is still broken with these faults, and all else the same. */
  readonly fails: (faults: readonly Fault[]) => Promise<boolean>;
  /** How many schedules it may run. */
  readonly mostRuns: number;
  /** Checked between two runs: it stops when this is true. */
  readonly isOver?: () => boolean;
  readonly onProgress?: (faults: readonly Fault[], runs: number) => void;
}

export interface Shrunk {
  readonly faults: readonly Fault[];
  readonly runs: number;
  /** No fault can be left out, or made weaker. */
  readonly isMinimal: boolean;
}

/**
 * Leaves out halves, then quarters, down to single faults, again and again until each is needed; then
 * halves durations, delays and counts.
 *
 * @param faults of a schedule that fails
 */
export async function shrink(
  faults: readonly Fault[],
  { fails, mostRuns, isOver = () => false, onProgress = () => {} }: ShrinkOptions,
): Promise<Shrunk> {
  let best = faults;
  let runs = 0;
  const mayRun = () => runs < mostRuns && !isOver();
  /** Takes over what still fails. */
  const attempt = async (fewer: readonly Fault[]) => {
    runs++;
    if (!await fails(fewer)) return false;
    best = fewer;
    onProgress(best, runs);
    return true;
  };
  // The order alone may be enough: a bug needs no fault.
  if (best.length > 0 && mayRun() && await attempt([])) {
    return { faults: best, runs, isMinimal: true };
  }
  let size = Math.ceil(best.length / 2);
  while (size > 0 && mayRun()) {
    let removed = false;
    // From the end: what comes late depends on what came before it, not the other way round.
    for (let at = best.length - size; at > -size && mayRun(); at -= size) {
      const from = Math.max(0, at);
      removed = await attempt(best.toSpliced(from, at + size - from)) || removed;
    }
    if (size === 1 && !removed) break;
    size = removed ? Math.min(size, Math.ceil(best.length / 2)) : Math.ceil(size / 2);
  }
  const isMinimal = await weaken(() => best, attempt, mayRun) && mayRun();
  return { faults: best, runs, isMinimal };
}

/** @returns whether none can be made weaker */
async function weaken(
  best: () => readonly Fault[],
  attempt: (faults: readonly Fault[]) => Promise<boolean>,
  mayRun: () => boolean,
): Promise<boolean> {
  for (let i = 0; i < best().length; i++) {
    let candidates = weaker(best()[i]!);
    while (candidates.length > 0) {
      const [candidate, ...others] = candidates;
      if (!mayRun()) return false;
      const still = await attempt(best().with(i, candidate!));
      candidates = still ? weaker(candidate!) : others;
    }
  }
  return true;
}
