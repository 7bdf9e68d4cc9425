/**
 * The pipeline's throughput in the broker's own terms: its messages a second, of those that Kafka's own
 * Java clients write and read there a second.
 */
import { withLogReader } from "../kafka/readers/log_reader.ts";
import { CONSUMERS, TOPIC_NAMES, topicsReadBy } from "../topology.ts";
import type { MeasuredPipeline } from "./pipeline.ts";

export interface Traffic {
  readonly writesPerOrder: number;
  readonly readsPerOrder: number;
}

export interface Work extends Traffic {
  readonly settledPerSecond: number;
}

/** Of one partition, where every event of an order lies whose first is there. */
export async function countTraffic({ kafka, names }: MeasuredPipeline): Promise<Traffic> {
  const counts = new Map<string, number>();
  await withLogReader(kafka, async (reader) => {
    for (const topic of TOPIC_NAMES) {
      let count = 0;
      const batches = reader.read(names.topic(topic), { partitions: [0] });
      for await (const batch of batches) count += batch.length;
      counts.set(topic, count);
    }
  });
  const orders = counts.get("orders.raw")!;
  const perOrder = (topics: readonly string[]) =>
    topics.reduce((sum, topic) => sum + counts.get(topic)!, 0) / orders;
  return {
    writesPerOrder: perOrder(TOPIC_NAMES),
    readsPerOrder: perOrder(CONSUMERS.flatMap(topicsReadBy)),
  };
}

/** How many seconds Java's clients would take for what the pipeline writes and reads in one. */
export function workRatio(
  { settledPerSecond, writesPerOrder, readsPerOrder }: Work,
  { produce, consume }: { produce: number; consume: number },
): number {
  return settledPerSecond * (writesPerOrder / produce + readsPerOrder / consume);
}
