import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { chance } from "./simulated_gateway.ts";

const anything = fc.tuple(fc.nat(), fc.string(), fc.nat());

Deno.test("chance: from 0 to 1, 1 excluded, and the same again", () => {
  fc.assert(fc.property(anything, (args) => {
    const u = chance(...args);
    assert(u >= 0 && u < 1);
    assertEquals(chance(...args), u);
  }));
});

Deno.test("chance: as even as chance, for keys that differ in their last digit only", () => {
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const u = chance(1, `r1-${String(i).padStart(6, "0")}`, 1);
    buckets[Math.floor(u * 10)]!++;
  }
  // The mean is 1,000, the standard deviation 30.
  for (const count of buckets) assert(count > 850 && count < 1_150, `${buckets}`);
});

Deno.test("chance: seeds and salts have nothing to do with each other", () => {
  const draws = [[1, 1], [2, 1], [1, 2]].map(([seed, salt]) =>
    Array.from({ length: 10_000 }, (_, i) => chance(seed!, `k-${i}`, salt!) < 0.5)
  );
  for (const [a, b] of [[0, 1], [0, 2], [1, 2]] as const) {
    const same = draws[a]!.filter((value, i) => value === draws[b]![i]).length;
    assert(same > 4_700 && same < 5_300, `${same} of 10,000 agree`);
  }
});
