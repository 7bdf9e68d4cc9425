/** Analytics alone, which reads the events of all orders from the beginning of the log when it starts. */
import { freePort, LOOPBACK } from "../../local/kafka/ports.ts";
import { PROCESSORS } from "../../topology.ts";
import type { Figures, Totals } from "../../services/analytics/snapshot.ts";
import { withPipeline } from "../pipeline.ts";
import { measureBacklog } from "./backlog.ts";
import type { Context, Measured } from "./scenario.ts";

export async function analytics({ checkout, config, signal }: Context): Promise<Measured> {
  const orders = config.backlog;
  const port = await freePort();
  const env = { ANALYTICS_FROM_BEGINNING: "true", DASHBOARD_PORT: String(port) };
  return await withPipeline({ checkout, orders, env, signal }, async (pipeline) => {
    const { services } = pipeline;
    for (const service of PROCESSORS) await services.scale(service, 1);
    await pipeline.settle(pipeline.startSimulator({ orders, rate: 0 }), { onProgress: () => {} });
    await Promise.all(PROCESSORS.map((service) => services.scale(service, 0)));
    const progress = async () => {
      const answer = await fetch(`http://${LOOPBACK}:${port}/snapshot`).catch(() => undefined);
      return answer && progressOf(await answer.json());
    };
    const service = "analytics";
    return {
      figures: await measureBacklog(pipeline, { service, unit: "event", progress, signal }),
    };
  });
}

/** Undefined before it has begun to read. */
export function progressOf({ snapshot, reading }: Pick<Figures, "snapshot" | "reading">) {
  const read = eventsIn(snapshot);
  if (reading.progress === null) return { read, share: 1 };
  const { passed, expected } = reading.progress;
  return expected === 0 ? undefined : { read, share: passed / expected };
}

function eventsIn({ orders, stock, payments }: Pick<Totals, "orders" | "stock" | "payments">) {
  const counts = [
    orders.placed,
    orders.confirmed,
    orders.cancelled,
    stock.reserved,
    stock.refused,
    stock.released,
    payments.processed,
    payments.failed,
    payments.refunded,
  ];
  return counts.reduce((sum, count) => sum + count, 0);
}
