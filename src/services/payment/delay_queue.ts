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
