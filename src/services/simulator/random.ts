/**
 * Random numbers that are the same again for the same seed. There is one stream of them for each
 * order, so that an order does not depend on which others were made, nor in which batches.
 */
import { mix } from "../../runtime/hash.ts";

export interface Random {
  /** Begins the stream of (seed, sequence number). */
  begin(seed: number, sequence: number): void;
  /** From 0 (inclusive) to 1 (exclusive). */
  next(): number;
  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
}

export function createRandom(): Random {
  let state = 0;
  // mulberry32: a Weyl sequence, each term mixed.
  const next = () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    begin(seed, sequence) {
      // Mixed, or else the streams of neighbours would be the same numbers, shifted.
      state = mix(mix(seed) ^ sequence);
    },
    next,
    below,
    pick: (list) => list[below(list.length)]!,
  };
}

// Zipf's law: the thing of rank r is drawn in proportion to 1 / r^exponent.

/**
 * @param count of things, at least 1
 * @param exponent 0 draws all alike; 1 is Zipf's own; the larger, the more the first ones are drawn
 * @returns turns a number from 0 (inclusive) to 1 (exclusive) into an index from 0 to `count` - 1
 */
export function createZipf(count: number, exponent: number): (u: number) => number {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) upTo[i] = sum += (i + 1) ** -exponent;
  return (u) => {
    const wanted = u * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
