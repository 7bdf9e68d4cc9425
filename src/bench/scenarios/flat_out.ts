/** All orders at once: what a settled order costs. */
import type { Figure } from "../figures.ts";
import { measure, type Placed, processFigures, startServices, untilWarm } from "../measure.ts";
import { withPipeline } from "../pipeline.ts";
import type { Context } from "./scenario.ts";

export async function flatOut(context: Context): Promise<Figure[]> {
  const exactly = await settleFlatOut(context, { PROCESSING_GUARANTEE: "exactly_once" });
  const atLeast = await settleFlatOut(context, { PROCESSING_GUARANTEE: "at_least_once" });
  return [
    ...flatOutFigures(exactly),
    {
      label: "orders settled, at least once",
      unit: "orders/s",
      value: atLeast.settledPerSecond,
    },
    {
      label: "exactly once ÷ at least once",
      unit: "",
      value: exactly.settledPerSecond / atLeast.settledPerSecond,
    },
  ];
}

export function flatOutFigures(placed: Placed): Figure[] {
  return [
    { label: "orders settled", unit: "orders/s", value: placed.settledPerSecond },
    ...processFigures(placed),
    { label: "log on disk an order", unit: "bytes", value: placed.logBytesPerOrder },
  ];
}

/** One member of each service, warmed up. */
export function settleFlatOut(
  { checkout, config, signal, say }: Context,
  env: Readonly<Record<string, string>>,
): Promise<Placed> {
  const orders = config.orders + 8 * config.warmUp;
  return withPipeline({ checkout, orders, env, signal }, async (pipeline) => {
    await startServices(pipeline);
    await untilWarm(pipeline, { orders: config.warmUp, rate: 0 }, say);
    return await measure(pipeline, { orders: config.orders, rate: 0 });
  });
}
