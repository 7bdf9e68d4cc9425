import { assertEquals } from "@std/assert";
import { runPipeline } from "../pipeline.ts";
import { runSeed } from "./schedule.ts";
import { KEPT_SEEDS } from "./seeds.ts";
import { describeShape, faultLines, violationLines } from "./trace.ts";

const options = {};

for (const { seed, found, options, faults } of KEPT_SEEDS) {
  Deno.test(`seed ${seed}: ${found}`, async () => {
    const result = await runSeed(seed, { ...options, faults }, runPipeline);
    assertEquals(violationLines(result), []);
  });
}

/** New ones are for `deno task sim`: these are the same on every run. */
const SMOKE = { first: 1, count: 40 };

Deno.test(`runSeed: ${SMOKE.count} schedules keep every promise`, async () => {
  const failing: string[] = [];
  for (let seed = SMOKE.first; seed < SMOKE.first + SMOKE.count; seed++) {
    const result = await runSeed(seed, options, runPipeline);
    if (result.violations.length === 0) continue;
    const { shape, faults } = result;
    failing.push(
      [`seed ${seed}: ${describeShape(shape)}`, ...faultLines(faults), ...violationLines(result)]
        .join("\n"),
    );
  }
  assertEquals(failing, []);
});

Deno.test("runSeed: the same seed gives the same trace, line by line", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const run = () => runSeed(seed, { ...options, trace: true }, runPipeline);
    assertEquals((await run()).trace, (await run()).trace);
  }
});
