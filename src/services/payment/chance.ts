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
