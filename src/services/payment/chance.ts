/** Chance that is always the same: numbers that depend on a seed and a text, and on nothing else. */
import { fnv1a, mix } from "../../runtime/hash.ts";

/**
 * A number from 0 (inclusive) to 1 (exclusive) for each (seed, text, salt); numbers of different
 * salts have nothing to do with each other.
 */
export function chance(seed: number, text: string, salt: number): number {
  return (mix(mix(fnv1a(text, seed)) + Math.imul(salt, 0x9e3779b9)) >>> 0) / 2 ** 32;
}
