import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { chance, createDelayQueue } from "./simulated_gateway.ts";

Deno.test("createDelayQueue: hands out everything once, and nothing before it is due", async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(delays, async (delays) => {
      const start = performance.now();
      const early: number[] = [];
      const handedOut: number[] = [];
      const all = Promise.withResolvers<void>();
      const queue = createDelayQueue<number>((due) => {
        const elapsedMs = performance.now() - start;
        for (const index of due) {
          if (elapsedMs < delays[index]!) early.push(index);
          handedOut.push(index);
        }
        if (handedOut.length === delays.length) all.resolve();
        return Promise.resolve();
      });
      for (const [index, delayMs] of delays.entries()) queue.add(index, delayMs);
      await all.promise;
      assertEquals(early, []);
      assertEquals(handedOut.toSorted((a, b) => a - b), delays.map((_, index) => index));
    }),
    { numRuns: 10 },
  );
});

Deno.test("createDelayQueue: what falls due while a round is at work waits for the next", async () => {
  const release = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const rounds: string[][] = [];
  let atWork = 0;
  const queue = createDelayQueue<string>(async (due) => {
    assertEquals(++atWork, 1);
    rounds.push([...due]);
    if (rounds.length === 1) {
      queue.add("b", 0);
      queue.add("c", 2);
      setTimeout(release.resolve, 10);
      await release.promise;
    } else {
      done.resolve();
    }
    atWork--;
  });
  queue.add("a", 0);
  await done.promise;
  assertEquals(rounds, [["a"], ["b", "c"]]);
});

Deno.test("createDelayQueue: rests when nothing is left, and wakes up again", async () => {
  let arrived = Promise.withResolvers<readonly number[]>();
  const queue = createDelayQueue<number>((due) => Promise.resolve(arrived.resolve(due)));
  for (let i = 0; i < 3; i++) {
    queue.add(i, 1);
    assertEquals(await arrived.promise, [i]);
    arrived = Promise.withResolvers();
    // A timer that were still set would be a leak at the end, and one that is not would not come.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

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
