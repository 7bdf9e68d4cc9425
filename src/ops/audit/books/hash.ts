/** Hashes that stand for what is too large to remember of every order: 32 bits each. */

/** FNV-1a over the text's UTF-16 units, mixed so that any bit depends on every other. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * One number for pieces of products: their weighted sum, which does not depend on the order of the
 * lines, nor on whether a product's pieces are in one line or in several.
 */
export function hashItems<T>(
  lines: readonly T[],
  productId: (line: T) => string,
  pieces: (line: T) => number,
): number {
  let sum = 0;
  for (const line of lines) sum = (sum + Math.imul(pieces(line), hashText(productId(line)))) | 0;
  return sum >>> 0;
}
