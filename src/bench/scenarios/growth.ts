/** Short runs and long ones in one pipeline: whether an order costs more where log and tables are large. */
import { plural } from "../../runtime/format.ts";
import { PROCESSORS } from "../../topology.ts";
import { type Figure, median } from "../figures.ts";
import { measure } from "../measure.ts";
import { cpuPerOrder } from "../processes.ts";
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
    const figures: Figure[] = [];
    // Short ones once more: then it is the log and the tables that are large, and nothing else differs.
    for (const [index, size] of [...sizes, sizes[0]!].entries()) {
      const name = plural(size, "order") + (index === sizes.length ? " at the end" : "");
      context.say(`  ${name}`);
      const figure = (what: string, unit: Figure["unit"], value: number) => (
        { label: `${name}: ${what}`, unit, value }
      );
      const runs: Figure[][] = [];
      while (runs.length < runsOf(size)) {
        const { use, settledPerSecond } = await measure(pipeline, { orders: size, rate: 0 });
        runs.push([
          figure("settled", "orders/s", settledPerSecond),
          figure("CPU an order, the four services", "µs", cpuPerOrder(use, ...PROCESSORS)),
          figure("CPU an order, Kafka", "µs", cpuPerOrder(use, "Kafka")),
        ]);
      }
      figures.push(...medians(runs));
    }
    return { figures: [...figures, ...warm] };
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

/** @param runs of the same figures each */
function medians(runs: readonly Figure[][]): Figure[] {
  return runs[0]!.map((figure, index) => (
    { ...figure, value: median(runs.map((run) => run[index]!.value)) }
  ));
}
