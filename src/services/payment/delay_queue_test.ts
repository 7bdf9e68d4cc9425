import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { createDelayQueue } from "./delay_queue.ts";

Deno.test("createTimetable: hands over everything once, and nothing before it is due", async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(delays, async (delays) => {
      const start = performance.now();
      const early: number[] = [];
      const seen: number[] = [];
      const all = Promise.withResolvers<void>();
      const queue = createDelayQueue<number>((due) => {
        const elapsedMs = performance.now() - start;
        for (const index of due) {
          if (elapsedMs < delays[index]!) early.push(index);
          seen.push(index);
        }
        if (seen.length === delays.length) all.resolve();
        return Promise.resolve();
      });
      for (const [index, delayMs] of delays.entries()) queue.add(index, delayMs);
      await all.promise;
      assertEquals(early, []);
      assertEquals(seen.toSorted((a, b) => a - b), delays.map((_, index) => index));
    }),
    { numRuns: 10 },
  );
});

Deno.test("createTimetable: what falls due while a round is at work waits for the next", async () => {
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

Deno.test("createTimetable: rests when nothing is left, and wakes up again", async () => {
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
