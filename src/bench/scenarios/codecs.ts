/** What each codec costs and saves, flat out. */
import { COMPRESSIONS } from "../../kafka/access.ts";
import type { Figure } from "../figures.ts";
import { measure } from "../measure.ts";
import { costFigures } from "../processes.ts";
import { withWarmPipeline } from "./flat_out.ts";
import type { Context, Measured } from "./scenario.ts";

export async function codecs(context: Context): Promise<Measured> {
  const figures: Figure[] = [];
  for (const codec of COMPRESSIONS) {
    context.say(`  ${codec}`);
    const { settledPerSecond, logBytesPerOrder, use } = await withWarmPipeline(
      context,
      { COMPRESSION: codec },
      (pipeline) => measure(pipeline, { orders: context.config.orders, rate: 0 }),
    );
    figures.push(
      { label: `${codec}: orders settled`, unit: "orders/s", value: settledPerSecond },
      { label: `${codec}: log on disk an order`, unit: "bytes", value: logBytesPerOrder },
      ...costFigures(codec, use),
    );
  }
  return { figures };
}
