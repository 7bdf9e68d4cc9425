/** Resolution of the due times, milliseconds. */
const TICK_MS = 5;

/** Many things that fall due at different times, with one timer: what is due is handed out together. */
interface DelayQueue<T> {
  /** Puts `item` down for a time of performance.now. */
  add(item: T, dueAtMs: number): void;
}

export function createDelayQueue<T>(onDue: (due: readonly T[]) => void): DelayQueue<T> {
  const slots = new Map<number, T[]>();
  let isAwake = false;

  function run(): void {
    const now = performance.now();
    const due: T[] = [];
    for (const [slot, items] of slots) {
      if (slot > now) continue;
      slots.delete(slot);
      for (const item of items) due.push(item);
    }
    if (due.length > 0) onDue(due);
    isAwake = slots.size > 0;
    if (isAwake) setTimeout(run, TICK_MS);
  }

  return {
    add(item, dueAtMs) {
      const slot = Math.ceil(dueAtMs / TICK_MS) * TICK_MS;
      const items = slots.get(slot);
      if (items) items.push(item);
      else slots.set(slot, [item]);
      if (isAwake) return;
      isAwake = true;
      setTimeout(run, TICK_MS);
    },
  };
}
