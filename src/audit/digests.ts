/** Hashes that stand for what is too large to remember of every order: 32 bits each. */
import { fnv1a, mix } from "../runtime/hash.ts";

/** FNV-1a over the text's UTF-16 units, mixed so that any bit depends on every other. */
export function hashText(text: string): number {
  return mix(fnv1a(text)) >>> 0;
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

// Which order a message that may be broken is about.

const ID = /^[A-Za-z0-9_.-]{1,64}$/;
/** Enough for an id anywhere in a message of the largest size that is read; beyond it, only the key. */
const MAX_PARSED_BYTES = 64 * 1024;

const utf8 = new TextDecoder();

/** The ids that its key and its `orderId` name, where they can be read: none, one or two. */
export function namesIn(key: Uint8Array | null, value: Uint8Array | null): Set<string> {
  const names = new Set<string>();
  const add = (text: unknown) => {
    if (typeof text === "string" && ID.test(text)) names.add(text);
  };
  if (key !== null && key.length <= 64) add(utf8.decode(key));
  if (value !== null && value.length <= MAX_PARSED_BYTES) {
    try {
      add(JSON.parse(utf8.decode(value))?.orderId);
    } catch {
      // Not JSON: then only the key can tell.
    }
  }
  return names;
}
