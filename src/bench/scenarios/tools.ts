/** Kafka's own tools, on a broker like that of the pipelines. */
import { fileURLToPath } from "node:url";
import { claimFolder } from "../../local/kafka/folders.ts";
import { startCluster } from "../../local/kafka/cluster.ts";
import { workRatio } from "../work.ts";
import { kafkaTools } from "../kafka_tools.ts";
import type { Context, Measured } from "./scenario.ts";

export async function tools({ checkout, signal, work }: Context): Promise<Measured> {
  const folder = await claimFolder(fileURLToPath(new URL(".data", checkout)), "bench");
  try {
    const cluster = await startCluster({ directory: `${folder.directory}/tools`, ports: [0] });
    try {
      signal.throwIfAborted();
      const rates = await kafkaTools(cluster);
      return {
        figures: [
          { label: "ProducerPerformance", unit: "messages/s", value: rates.produce },
          { label: "ConsumerPerformance", unit: "messages/s", value: rates.consume },
          {
            label: "TransactionalMessageCopier, 1 partition",
            unit: "messages/s",
            value: rates.copy,
          },
          ...work ? [{ label: "W", unit: "", value: workRatio(work, rates) } as const] : [],
        ],
      };
    } finally {
      await cluster.remove();
    }
  } finally {
    folder.release();
  }
}
