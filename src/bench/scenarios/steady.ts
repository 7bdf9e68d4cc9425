/** A rate that the pipeline keeps up with: how long an order takes, and what it costs then. */
import { PROCESSORS } from "../../topology.ts";
import { measureAtLength, startServices, untilWarm } from "../measure.ts";
import { withPipeline } from "../pipeline.ts";
import { cpuPerOrder } from "../processes.ts";
import { MOST_SLICES } from "../warm_up.ts";
import type { Context, Measured } from "./scenario.ts";

export function steady({ checkout, config, signal, say }: Context): Promise<Measured> {
  const { rate, seconds, warmUp } = config;
  const orders = rate * seconds;
  const stock = orders + MOST_SLICES * warmUp;
  return withPipeline({ checkout, orders: stock, signal }, async (pipeline) => {
    await startServices(pipeline);
    const warm = await untilWarm(pipeline, { orders: warmUp, rate }, say);
    const { latency, use, figures } = await measureAtLength(pipeline, { orders, rate });
    return {
      figures: [
        { label: "placed to outcome, p50", unit: "ms", value: latency.quantile(0.5) },
        { label: "placed to outcome, p99", unit: "ms", value: latency.quantile(0.99) },
        {
          label: "CPU an order: the four services and Kafka",
          unit: "µs",
          value: cpuPerOrder(use, ...PROCESSORS, "Kafka"),
        },
        ...figures,
        ...warm,
      ],
    };
  });
}
