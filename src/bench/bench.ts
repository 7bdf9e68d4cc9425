/**
 * `deno task bench`: what the pipeline does and what it costs, in scenarios, beside Kafka's own tools;
 * alone, or in turn with the pipeline of another checkout. See docs/performance.md.
 */
import { fileURLToPath } from "node:url";
import { runProgram } from "../program.ts";
import { PROJECT } from "../local/task.ts";
import { openCheckout, revisionOf } from "./checkout.ts";
import { compare, type Figure, type Sample } from "./figures.ts";
import { report, type Side, table } from "./report.ts";
import { SCENARIOS } from "./scenarios/all.ts";
import { noiseDuring } from "./usage.ts";
import type { Work } from "./work.ts";
import { type BenchConfig, checks, settings } from "./settings.ts";

const noiseFigure = (share: number): Figure => ({
  label: "noise: cores busy with other work",
  unit: "%",
  value: 100 * share,
});

async function bench(config: BenchConfig, signal: AbortSignal): Promise<number> {
  const say = (line: string) => console.error(line);
  const checkouts = [
    { name: "this", checkout: PROJECT },
    ...config.compare ? [{ name: "other", checkout: openCheckout(config.compare) }] : [],
  ];
  const sides = await Promise.all(checkouts.map(async ({ name, checkout }): Promise<Side> => ({
    name,
    checkout: fileURLToPath(checkout),
    revision: await revisionOf(checkout),
  })));
  const samples: Sample[][] = sides.map(() => []);
  try {
    for (let run = 1; run <= config.runs; run++) {
      const work: (Work | undefined)[] = [];
      for (const scenario of config.only) {
        for (const [index, { name, checkout }] of checkouts.entries()) {
          say(`${scenario}, run ${run} of ${config.runs}${config.compare && `: ${name}`}`);
          const context = { checkout, config, signal, say, work: work[index] };
          const { result, noise } = await noiseDuring(() => SCENARIOS[scenario](context));
          work[index] ??= result.work;
          const figures = [...result.figures, noiseFigure(noise)];
          samples[index]!.push({ scenario, figures });
        }
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (signal.aborted) return 1;
  const rows = compare(samples);
  console.log(config.json ? JSON.stringify(report(sides, rows), null, 2) : table(sides, rows));
  return 0;
}

Deno.exit(
  await runProgram({
    name: "bench",
    settings,
    checks,
    examples: [
      ["", "flat out, at a steady rate, the validator alone, beside Kafka's own tools"],
      ["--only steady --rate 500 --runs 5", "one scenario five times: median and spread"],
      ["--only flat-out --runs 3 --compare ../before", "in turn with another checkout"],
    ],
    run: ({ config, signal }) => bench(config, signal),
  }),
);
