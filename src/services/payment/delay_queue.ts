/**
 * Many things that fall due at different times, with one timer: whatever is due is handed over
 * together. While a round is at work, the next one gathers, so that rounds grow with the load.
 */

/** Resolution of the due times, milliseconds. */
const TICK_MS = 5;

export interface DelayQueue<T> {
  /** Puts `item` down for `delayMs` from now. */
  add(item: T, delayMs: number): void;
}

/** @param onDue gets what is due, never called again before it has resolved; must not reject */
export function createDelayQueue<T>(onDue: (due: readonly T[]) => Promise<void>): DelayQueue<T> {
  const slots = new Map<number, T[]>();
  let awake = false;

  async function run(): Promise<void> {
    const now = performance.now();
    const due: T[] = [];
    for (const [slot, items] of slots) {
      if (slot > now) continue;
      slots.delete(slot);
      for (const item of items) due.push(item);
    }
    if (due.length > 0) await onDue(due);
    awake = slots.size > 0;
    if (awake) setTimeout(run, TICK_MS);
  }

  return {
    add(item, delayMs) {
      const slot = Math.ceil((performance.now() + delayMs) / TICK_MS) * TICK_MS;
      const items = slots.get(slot);
      if (items) items.push(item);
      else slots.set(slot, [item]);
      if (awake) return;
      awake = true;
      setTimeout(run, TICK_MS);
    },
  };
}

/** Chance that is always the same: numbers that depend on a seed and a text, and on nothing else. */

/**
 * A number from 0 (inclusive) to 1 (exclusive) for each (seed, text, salt); numbers of different
 * salts have nothing to do with each other.
 */
export function chance(seed: number, text: string, salt: number): number {
  let hash = seed ^ 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (mix(mix(hash) + Math.imul(salt, 0x9e3779b9)) >>> 0) / 2 ** 32;
}

/** MurmurHash3's finalizer: every bit of the input changes about half of the output's. */
function mix(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}
