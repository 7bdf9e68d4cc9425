/** Hashes of 32 bits: signed integers, as JavaScript's bit operators make them; random numbers of a seed. */

const FNV_OFFSET_BASIS = 0x811c9dc5;

/** FNV-1a over the text's UTF-16 units. @param seed another one gives another hash */
export function fnv1a(text: string, seed = 0): number {
  let hash = seed ^ FNV_OFFSET_BASIS;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash;
}

/** MurmurHash3's finalizer: every bit of the input changes about half of the output's. */
export function mix(bits: number): number {
  bits = Math.imul(bits ^ bits >>> 16, 0x85ebca6b);
  bits = Math.imul(bits ^ bits >>> 13, 0xc2b2ae35);
  return bits ^ bits >>> 16;
}

/** Random numbers from 0 to 1, 1 excluded, the same for the same `state`: a Weyl sequence, each term mixed. */
export function mulberry32(state: number): () => number {
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
