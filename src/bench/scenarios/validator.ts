/** The validator alone, with all orders waiting for it when it starts. */
import { isKafkaError } from "../../kafka/client/errors.ts";
import { createGroupLagReader } from "../../kafka/offsets/group_lag.ts";
import { withPipeline } from "../pipeline.ts";
import { measureBacklog } from "./backlog.ts";
import type { Context, Measured } from "./scenario.ts";

export function validator({ checkout, config, signal }: Context): Promise<Measured> {
  const orders = config.backlog;
  return withPipeline({ checkout, orders, signal }, async (pipeline) => {
    const simulator = pipeline.startSimulator({ orders, rate: 0 });
    await simulator.ended;
    signal.throwIfAborted();
    const waiting = simulator.acknowledged;
    const lags = createGroupLagReader(pipeline.kafka, pipeline.names, "validator");
    /** Undefined while the group has no coordinator. */
    const progress = async () => {
      const [group] = await lags.read().catch((error) => {
        if (!isKafkaError(error)) throw error;
        return [];
      });
      const read = group && waiting - group.lagMessages;
      return read === undefined ? undefined : { read, share: read / waiting };
    };
    try {
      const service = "validator";
      return {
        figures: await measureBacklog(pipeline, { service, unit: "order", progress, signal }),
      };
    } finally {
      await lags.close();
    }
  });
}
