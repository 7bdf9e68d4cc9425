/** A rate that the pipeline keeps up with: how long an order takes, and what it costs then. */
import type { Figure } from "../figures.ts";
import { cpuOf, measure, processFigures, startServices, untilWarm } from "../measure.ts";
import { withPipeline } from "../pipeline.ts";
import { PROCESSORS } from "../../topology.ts";
import type { Context } from "./scenario.ts";

export function steady({ checkout, config, signal, say }: Context): Promise<Figure[]> {
  const { rate, seconds } = config;
  const orders = rate * seconds;
  const stock = orders + 8 * config.warmUp;
  return withPipeline({ checkout, orders: stock, signal }, async (pipeline) => {
    await startServices(pipeline);
    await untilWarm(pipeline, { orders: config.warmUp, rate }, say);
    const placed = await measure(pipeline, { orders, rate });
    const { latency } = placed;
    return [
      { label: "placed to outcome, p50", unit: "ms", value: latency.quantile(0.5) },
      { label: "placed to outcome, p99", unit: "ms", value: latency.quantile(0.99) },
      {
        label: "CPU an order: services and Kafka",
        unit: "µs",
        value: cpuOf(placed, ...PROCESSORS, "Kafka"),
      },
      ...processFigures(placed),
    ];
  });
}
