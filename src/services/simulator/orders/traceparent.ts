/** The W3C trace context of an order: derived from its id, so that the trace can be found by it. */
import { mix } from "./random.ts";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** @returns the value of the header `traceparent`: version 00, sampled */
export function traceparentOf(orderId: string): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < orderId.length; i++) {
    const code = orderId.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995) ^ b >>> 15;
  }
  const word = (salt: number) => hex(mix(mix(a ^ salt) ^ b));
  // The last bit is set: ids of zeros only are not valid.
  const traceId = word(1) + word(2) + word(3) + hex(mix(a) | 1);
  return `00-${traceId}-${word(5)}${hex(mix(b) | 1)}-01`;
}

function hex(word: number): string {
  return HEX[word >>> 24]! + HEX[word >>> 16 & 255]! + HEX[word >>> 8 & 255]! + HEX[word & 255]!;
}
