import { assert, assertEquals } from "@std/assert";
import type { Fault } from "../faults/faults.ts";
import { shrink } from "./shrink.ts";

/** Told apart by their times. */
const faults: Fault[] = Array.from({ length: 37 }, (_, i) => ({
  kind: "replica frozen",
  atMs: i,
  replica: "payment-1",
  forMs: 16_000,
}));

/** Fails while all of these are there, each at least so long. */
function needs(...wanted: readonly (readonly [atMs: number, forMs: number])[]) {
  return (given: readonly Fault[]) =>
    Promise.resolve(
      wanted.every(([atMs, forMs]) =>
        given.some((fault) => fault.atMs === atMs && "forMs" in fault && fault.forMs >= forMs)
      ),
    );
}

Deno.test("shrink: leaves the faults that are needed, wherever they are", async () => {
  for (const wanted of [[0], [36], [17], [3, 4], [0, 36], [1, 18, 35], [5, 6, 7, 30]]) {
    const fails = needs(...wanted.map((at) => [at, 16_000] as const));
    const { faults: left, isMinimal } = await shrink(faults, { fails, mostRuns: 500 });
    assertEquals(left.map(({ atMs }) => atMs), wanted);
    assert(isMinimal);
  }
});

Deno.test("shrink: makes what is left weaker", async () => {
  const { faults: left } = await shrink(faults, { fails: needs([9, 900]), mostRuns: 500 });
  assertEquals(left, [{ ...faults[9]!, forMs: 1_000 } as Fault]);
});

Deno.test("shrink: leaves none where it fails without any", async () => {
  const always = () => Promise.resolve(true);
  const { faults: left, runs } = await shrink(faults, { fails: always, mostRuns: 500 });
  assertEquals(left, []);
  assertEquals(runs, 1);
});

Deno.test("shrink: stops at its limits with what still fails", async () => {
  const fails = needs([2, 16_000], [33, 16_000]);
  const limited = await shrink(faults, { fails, mostRuns: 8 });
  assertEquals(limited.runs, 8);
  assert(await fails(limited.faults));
  assert(limited.faults.length < faults.length);
  assert(!limited.isMinimal);
  const { faults: left, runs } = await shrink(faults, { fails, mostRuns: 8, isOver: () => true });
  assertEquals([left, runs], [faults, 0]);
});

Deno.test("shrink: says how far it is", async () => {
  const lengths: number[] = [];
  const onProgress = (left: readonly Fault[]) => void lengths.push(left.length);
  await shrink(faults, { fails: needs([2, 100]), mostRuns: 500, onProgress });
  assertEquals(lengths, lengths.toSorted((a, b) => b - a));
  assertEquals(lengths.at(-1), 1);
});
