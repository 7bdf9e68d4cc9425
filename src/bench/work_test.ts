import { assertEquals } from "@std/assert";
import { workRatio } from "./work.ts";

Deno.test("workRatio: the time that Java's clients take for a second of the pipeline", () => {
  // 4,000 orders/s write 20,000 messages, an eighth of a second of Java's, and read
  // 40,000, another eighth.
  const work = { settledPerSecond: 4_000, writesPerOrder: 5, readsPerOrder: 10 };
  assertEquals(workRatio(work, { produce: 160_000, consume: 320_000 }), 0.25);
});
