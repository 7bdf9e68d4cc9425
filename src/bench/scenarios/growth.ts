/** Short runs and long ones in one pipeline: whether an order costs more where log and tables are large. */
import { plural } from "../../runtime/format.ts";
import { compare, type Figure, type Sample } from "../figures.ts";
import { measure } from "../measure.ts";
import { costFigures } from "../processes.ts";
import { withWarmPipeline } from "./flat_out.ts";
import type { Context, Measured } from "./scenario.ts";

const SHORTEST = 10_000;
/** One short run is as much chance as cost: so many orders of each size, at least. */
const ENOUGH_ORDERS = 50_000;

export function growth(context: Context): Promise<Measured> {
  const sizes = sizesUpTo(context.config.orders);
  const orders = sizes.reduce((sum, size) => sum + runsOf(size) * size, 0);
  const all = { ...context, config: { ...context.config, orders } };
  return withWarmPipeline(all, {}, async (pipeline, warm) => {
    const samples: Sample[] = [];
    // Short ones once more: then it is the log and the tables that are large, and nothing else differs.
    for (const [index, size] of [...sizes, sizes[0]!].entries()) {
      const scenario = plural(size, "order") + (index === sizes.length ? " at the end" : "");
      context.say(`  ${scenario}`);
      for (let run = 0; run < runsOf(size); run++) {
        const { use, settledPerSecond } = await measure(pipeline, { orders: size, rate: 0 });
        const settled: Figure = {
          label: `${scenario}: settled`,
          unit: "orders/s",
          value: settledPerSecond,
        };
        samples.push({ scenario, figures: [settled, ...costFigures(scenario, use)] });
      }
    }
    const medians = compare([samples]).map(({ label, unit, sides: [summary] }): Figure => (
      { label, unit, value: summary!.median }
    ));
    return { figures: [...medians, ...warm] };
  });
}

function runsOf(size: number): number {
  return Math.ceil(ENOUGH_ORDERS / size);
}

/** Powers of ten from 10,000 below `most`, then that. */
export function sizesUpTo(most: number): number[] {
  const sizes = [];
  for (let size = SHORTEST; size < most; size *= 10) sizes.push(size);
  return [...sizes, most];
}
