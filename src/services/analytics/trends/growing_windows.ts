/**
 * Windows over all of the time there is, in bounded memory: when there are too many, two neighbours
 * become one, and all are twice as wide. The result is the same in whichever order times arrive.
 */
export class GrowingWindows<T> {
  #values = new Map<number, T>();
  #widthMs: number;
  #first = Infinity;
  #last = -Infinity;

  /**
   * @param widthMs of one window at first
   * @param capacity the most windows, from the first to the last, also those without a value
   */
  constructor(
    widthMs: number,
    readonly capacity: number,
    private readonly create: () => T,
    private readonly merge: (into: T, from: T) => void,
  ) {
    this.#widthMs = widthMs;
  }

  get widthMs(): number {
    return this.#widthMs;
  }

  /** The window of `atMs` (epoch milliseconds), to count in; undefined when it is no time. */
  at(atMs: number): T | undefined {
    if (!Number.isFinite(atMs)) return undefined;
    this.#reach(atMs);
    const window = Math.floor(atMs / this.#widthMs);
    let value = this.#values.get(window);
    if (value === undefined) this.#values.set(window, value = this.create());
    return value;
  }

  /** The windows up to the one of `newestMs`, from the first that has counted. */
  upTo(newestMs: number): { startsAtMs: number; values: (T | undefined)[] } {
    if (this.#values.size === 0) return { startsAtMs: 0, values: [] };
    this.#reach(newestMs);
    const values: (T | undefined)[] = [];
    const last = Math.floor(newestMs / this.#widthMs);
    for (let window = this.#first; window <= last; window++) values.push(this.#values.get(window));
    return { startsAtMs: this.#first * this.#widthMs, values };
  }

  #reach(atMs: number): void {
    const window = Math.floor(atMs / this.#widthMs);
    this.#first = Math.min(this.#first, window);
    this.#last = Math.max(this.#last, window);
    while (this.#last - this.#first >= this.capacity) this.#double();
  }

  #double(): void {
    const values = new Map<number, T>();
    for (const [window, value] of this.#values) {
      const wider = Math.floor(window / 2);
      const other = values.get(wider);
      if (other === undefined) values.set(wider, value);
      else this.merge(other, value);
    }
    this.#values = values;
    this.#widthMs *= 2;
    this.#first = Math.floor(this.#first / 2);
    this.#last = Math.floor(this.#last / 2);
  }
}
