import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { hashItems, hashText } from "./digests.ts";

interface Line {
  readonly productId: string;
  readonly pieces: number;
}

const hash = (lines: readonly Line[]) => hashItems(lines, (l) => l.productId, (l) => l.pieces);

const lines = fc.array(
  fc.record({
    productId: fc.constantFrom("p-1", "p-2", "p-3", "p-10"),
    pieces: fc.integer({ min: 1, max: 1_000 }),
  }),
  { minLength: 1, maxLength: 8 },
);

function totals(list: readonly Line[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { productId, pieces } of list) {
    sums.set(productId, (sums.get(productId) ?? 0) + pieces);
  }
  return sums;
}

Deno.test("hashItems: depends on the pieces of each product alone, however the lines are cut", () => {
  fc.assert(fc.property(lines, (list) => {
    const merged = [...totals(list)].map(([productId, pieces]) => ({ productId, pieces }));
    assertEquals(hash(merged), hash(list));
    assertEquals(hash(list.toReversed()), hash(list));
  }));
});

Deno.test("hashItems: other pieces have another hash", () => {
  const text = (list: readonly Line[]) => JSON.stringify([...totals(list)].sort());
  fc.assert(fc.property(lines, lines, (one, other) => {
    if (text(one) !== text(other)) assertNotEquals(hash(one), hash(other));
  }));
});

Deno.test("hashText: texts that differ in one character do not share a hash", () => {
  const ids = Array.from({ length: 100_000 }, (_, n) => `pay-r1-${String(n).padStart(6, "0")}`);
  const hashes = new Set(ids.map(hashText));
  // About one pair of 100,000 meets by chance in 32 bits.
  assertEquals(hashes.size > 99_990, true);
});
