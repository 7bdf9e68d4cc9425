/**
 * Tumbling windows over event time, in a ring of a fixed size. A slot is reused by the window that is a
 * whole lap later, and never goes back: the windows up to the newest are the same in whichever order
 * events arrive.
 */

interface Slot<T> {
  /** Which window it holds: epoch time over the width. */
  window: number;
  readonly value: T;
}

export interface Series<T> {
  /** Epoch milliseconds at which the first window begins. */
  readonly startsAtMs: number;
  /** One a window, without gaps, the newest last; undefined where nothing was counted. */
  readonly values: readonly (T | undefined)[];
}

export class TumblingWindows<T> {
  readonly #slots: Slot<T>[];

  /**
   * @param widthMs of one window
   * @param capacity how many are kept
   * @param clear empties a value, for the next window in its slot
   */
  constructor(
    readonly widthMs: number,
    readonly capacity: number,
    create: () => T,
    private readonly clear: (value: T) => void,
  ) {
    this.#slots = Array.from({ length: capacity }, () => ({ window: -Infinity, value: create() }));
  }

  /** The number of the window that a time (epoch milliseconds) is in. */
  windowOf(atMs: number): number {
    return Math.floor(atMs / this.widthMs);
  }

  /**
   * The window of `atMs`, to count in; undefined when a later one has its slot, or when `atMs` is no time
   * (NaN).
   */
  at(atMs: number): T | undefined {
    const window = this.windowOf(atMs);
    const slot = this.#slotOf(window);
    if (slot === undefined || slot.window > window) return undefined;
    if (slot.window < window) {
      this.clear(slot.value);
      slot.window = window;
    }
    return slot.value;
  }

  /** The windows up to the one of `newestMs`, at most `capacity`, from the first that has counted. */
  upTo(newestMs: number): Series<T> {
    const last = this.windowOf(newestMs);
    const values: (T | undefined)[] = [];
    for (let window = last - this.capacity + 1; window <= last; window++) {
      const slot = this.#slotOf(window);
      const value = slot?.window === window ? slot.value : undefined;
      if (value !== undefined || values.length > 0) values.push(value);
    }
    return { startsAtMs: (last - values.length + 1) * this.widthMs, values };
  }

  #slotOf(window: number): Slot<T> | undefined {
    // Times before 1970 have negative windows.
    return this.#slots[(window % this.capacity + this.capacity) % this.capacity];
  }
}
