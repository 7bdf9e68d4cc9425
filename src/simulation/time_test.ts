import { assertEquals } from "@std/assert";
import { Random } from "./random.ts";
import { VirtualTime } from "./time.ts";

Deno.test("VirtualTime: timers run in order of time, then of insertion", async () => {
  const time = new VirtualTime(new Random(1));
  const trace: string[] = [];
  await time.install(async () => {
    const process = time.process("a");
    process.run(async () => {
      setTimeout(() => trace.push(`second ${performance.now()}`), 5);
      setTimeout(() => trace.push("third"), 5);
      setTimeout(() => trace.push("first"), 4);
      for (let i = 0; i < 1_000; i++) await undefined;
      trace.push("awaited");
    });
    await time.runUntil(() => trace.length === 4, 100);
  });
  assertEquals(trace, ["awaited", "first", "second 5", "third"]);
});
