import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { createDelayQueue } from "./delay_queue.ts";

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
      });
      for (const [index, delayMs] of delays.entries()) queue.add(index, start + delayMs);
      await all.promise;
      assertEquals(early, []);
      assertEquals(handedOut.toSorted((a, b) => a - b), delays.map((_, index) => index));
    }),
    { numRuns: 10 },
  );
});

Deno.test("createDelayQueue: rests when nothing is left, and wakes up again", async () => {
  let arrived = Promise.withResolvers<readonly number[]>();
  const queue = createDelayQueue<number>((due) => arrived.resolve(due));
  for (let i = 0; i < 3; i++) {
    queue.add(i, performance.now() + 1);
    assertEquals(await arrived.promise, [i]);
    arrived = Promise.withResolvers();
    // A timer that were still set would be a leak at the end, and one that is not would not come.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
