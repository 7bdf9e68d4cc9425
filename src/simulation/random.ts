import { fnv1a, mix } from "../runtime/hash.ts";

/** Random numbers that are the same for the same seed: sfc32. */
export class Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed a number and its decimal text give the same numbers */
  constructor(seed: number | string) {
    this.#seed = String(seed);
    this.#a = mix(fnv1a(this.#seed, 1));
    this.#b = mix(fnv1a(this.#seed, 2));
    this.#c = mix(fnv1a(this.#seed, 3));
    // Seeds that differ in one bit begin alike.
    for (let i = 0; i < 12; i++) this.#bits();
  }

  /** From 0 to 1, 1 excluded. */
  next(): number {
    return (this.#bits() >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `n`, `n` excluded. */
  int(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** From `min` to `max`, `max` excluded. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** @throws {RangeError} the list is empty */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError("pick: the list is empty");
    return list[this.int(list.length)]!;
  }

  /** True with the probability `p`, from 0 to 1. */
  chance(p: number): boolean {
    return this.next() < p;
  }

  /** How long until the next of events that come independently of each other, one every `mean`. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /**
   * Another stream, which depends on the seed and `name` only: what is drawn here changes nothing there.
   * The same name gives the same stream again.
   */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  #bits(): number {
    const sum = this.#a + this.#b + this.#counter | 0;
    this.#counter = this.#counter + 1 | 0;
    this.#a = this.#b ^ this.#b >>> 9;
    this.#b = this.#c + (this.#c << 3) | 0;
    this.#c = (this.#c << 21 | this.#c >>> 11) + sum | 0;
    return sum;
  }
}
