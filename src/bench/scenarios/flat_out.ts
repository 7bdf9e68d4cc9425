/** All orders at once: what a settled order costs. */
import type { Figure } from "../figures.ts";
import { measure, measureAtLength, startServices, untilWarm } from "../measure.ts";
import { type MeasuredPipeline, withPipeline } from "../pipeline.ts";
import { MOST_SLICES } from "../warm_up.ts";
import { countTraffic } from "../work.ts";
import type { Context, Measured } from "./scenario.ts";

export async function flatOut(context: Context): Promise<Measured> {
  const slice = { orders: context.config.orders, rate: 0 };
  context.say("  exactly once");
  const exactly = await withWarmPipeline(
    context,
    { PROCESSING_GUARANTEE: "exactly_once" },
    async (pipeline, warm) => ({
      warm,
      ...await measureAtLength(pipeline, slice),
      traffic: await countTraffic(pipeline),
    }),
  );
  context.say("  at least once");
  const atLeast = await withWarmPipeline(
    context,
    { PROCESSING_GUARANTEE: "at_least_once" },
    (pipeline) => measure(pipeline, slice),
  );
  const { settledPerSecond, traffic } = exactly;
  return {
    work: { settledPerSecond, ...traffic },
    figures: [
      { label: "orders settled", unit: "orders/s", value: settledPerSecond },
      { label: "orders settled, at least once", unit: "orders/s", value: atLeast.settledPerSecond },
      {
        label: "exactly once ÷ at least once",
        unit: "",
        value: settledPerSecond / atLeast.settledPerSecond,
      },
      { label: "messages written an order", unit: "", value: traffic.writesPerOrder },
      { label: "messages read an order", unit: "", value: traffic.readsPerOrder },
      ...exactly.figures,
      ...exactly.warm,
    ],
  };
}

/** One member of each service, warmed up flat out. */
export function withWarmPipeline<T>(
  { checkout, config, signal, say }: Context,
  env: Readonly<Record<string, string>>,
  work: (pipeline: MeasuredPipeline, warm: readonly Figure[]) => Promise<T>,
): Promise<T> {
  const orders = config.orders + MOST_SLICES * config.warmUp;
  return withPipeline({ checkout, orders, env, signal }, async (pipeline) => {
    await startServices(pipeline);
    const warm = await untilWarm(pipeline, { orders: config.warmUp, rate: 0 }, say);
    return await work(pipeline, warm);
  });
}
