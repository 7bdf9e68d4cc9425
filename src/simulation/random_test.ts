import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Random } from "./random.ts";

const DRAWS = 20_000;

/** Some numbers of a stream, to compare it with another. */
function draw(random: Random, count = 10): number[] {
  return Array.from({ length: count }, () => random.next());
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

Deno.test("Random: the same seed, as number or text, gives the same numbers, another one others", () => {
  assertEquals(draw(new Random(7)), draw(new Random("7")));
  for (const other of [8, 7_000, "7/a"]) {
    assertNotEquals(draw(new Random(other), 1), draw(new Random(7), 1));
  }
});

Deno.test("Random: seeds that were kept go on giving the same numbers", () => {
  const bits = draw(new Random("kept"), 3).map((number) => number * 2 ** 32);
  assertEquals(bits, [79_693_930, 911_768_826, 1_757_171_217]);
});

Deno.test("Random.fork: depends on seed and name, not on what was drawn", () => {
  const random = new Random(7);
  const before = draw(random.fork("network"));
  draw(random);
  assertEquals(draw(random.fork("network")), before);
  for (const other of [random.fork("disk"), new Random(8).fork("network"), new Random(7)]) {
    assertNotEquals(draw(other), before);
  }
});

for (
  const [what, numberOf, expected, min, max] of [
    ["next", (random) => random.next(), 0.5, 0, 1],
    ["int", (random) => random.int(7), 3, 0, 6],
    ["between", (random) => random.between(-10, 30), 10, -10, 30],
    ["pick", (random) => random.pick([1, 2, 6]), 3, 1, 6],
    ["chance", (random) => Number(random.chance(0.2)), 0.2, 0, 1],
    ["chance: never", (random) => Number(random.chance(0)), 0, 0, 0],
    ["chance: always", (random) => Number(random.chance(1)), 1, 1, 1],
    ["exponential", (random) => random.exponential(5), 5, 0, Infinity],
  ] as [string, (random: Random) => number, number, number, number][]
) {
  Deno.test(`Random.${what}: within its range, with the right mean`, () => {
    const random = new Random(1);
    const drawn = Array.from({ length: DRAWS }, () => numberOf(random));
    assert(drawn.every((number) => number >= min && number <= max));
    assert(Math.abs(mean(drawn) - expected) <= (Math.min(max, 15) - min) * 0.02);
  });
}

Deno.test("Random.pick: nothing can be picked of an empty list", () => {
  assertThrows(() => new Random(1).pick([]), RangeError, "the list is empty");
});
