/** Kafka's own tools, on a broker like that of the pipelines. */
import { fileURLToPath } from "node:url";
import { claimFolder } from "../../local/kafka/folders.ts";
import { startCluster } from "../../local/kafka/cluster.ts";
import type { Figure } from "../figures.ts";
import { kafkaTools } from "../kafka_tools.ts";
import type { Context } from "./scenario.ts";

export async function tools({ checkout, signal }: Context): Promise<Figure[]> {
  const folder = await claimFolder(fileURLToPath(new URL(".data", checkout)), "bench");
  try {
    const cluster = await startCluster({ directory: `${folder.directory}/tools`, ports: [0] });
    try {
      signal.throwIfAborted();
      const { produce, consume, copy } = await kafkaTools(cluster);
      return [
        { label: "ProducerPerformance", unit: "messages/s", value: produce },
        { label: "ConsumerPerformance", unit: "messages/s", value: consume },
        { label: "TransactionalMessageCopier, 1 partition", unit: "messages/s", value: copy },
      ];
    } finally {
      await cluster.remove();
    }
  } finally {
    folder.release();
  }
}
