/** What each codec costs and saves, flat out. */
import { COMPRESSIONS } from "../../kafka/access.ts";
import { PROCESSORS } from "../../topology.ts";
import type { Figure } from "../figures.ts";
import { cpuOf } from "../measure.ts";
import { settleFlatOut } from "./flat_out.ts";
import type { Context } from "./scenario.ts";

export async function codecs(context: Context): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const codec of COMPRESSIONS) {
    context.say(`  ${codec}`);
    const placed = await settleFlatOut(context, { COMPRESSION: codec });
    figures.push(
      { label: `${codec}: orders settled`, unit: "orders/s", value: placed.settledPerSecond },
      { label: `${codec}: log on disk an order`, unit: "bytes", value: placed.logBytesPerOrder },
      {
        label: `${codec}: CPU an order, services`,
        unit: "µs",
        value: cpuOf(placed, ...PROCESSORS),
      },
      { label: `${codec}: CPU an order, Kafka`, unit: "µs", value: cpuOf(placed, "Kafka") },
    );
  }
  return figures;
}
