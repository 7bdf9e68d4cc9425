import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createZipf } from "./random.ts";

Deno.test("createZipf: every number becomes an index, in order", () => {
  const u = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const counts = fc.integer({ min: 1, max: 1_000 });
  const exponents = fc.double({ min: 0, max: 5, noNaN: true });
  fc.assert(fc.property(counts, exponents, u, u, (count, exponent, a, b) => {
    const draw = createZipf(count, exponent);
    const [first, last] = [draw(Math.min(a, b)), draw(Math.max(a, b))];
    assert(0 <= first && first <= last && last < count);
  }));
});

Deno.test("createZipf: rank r is drawn in proportion to 1 / r^exponent", () => {
  for (const exponent of [0, 0.5, 1, 2]) {
    const draw = createZipf(10, exponent);
    const drawn = new Array<number>(10).fill(0);
    const draws = 100_000;
    for (let i = 0; i < draws; i++) drawn[draw(i / draws)]!++;
    const sum = drawn.reduce((total, _, i) => total + (i + 1) ** -exponent, 0);
    for (const [i, count] of drawn.entries()) {
      const expected = draws * (i + 1) ** -exponent / sum;
      assert(Math.abs(count - expected) <= 1, `rank ${i + 1}: ${count}, not ${expected}`);
    }
  }
});

Deno.test("createZipf: of one thing, it is always that", () => {
  assertEquals([0, 0.5, 0.999].map(createZipf(1, 1)), [0, 0, 0]);
});
