/**
 * An independent count: Kafka's own console consumer, from the broker's jars, reads the committed
 * events. It shares no code with our client, our reader and our audit.
 */
import type { Cluster } from "../../local/kafka/cluster.ts";
import { type Names, TOPIC_NAMES } from "../../topology.ts";

/**
 * How long the console consumer waits for another message before it ends. That includes joining its
 * group, which on a busy machine may take longer than the short time.
 */
const IDLE_MS = { short: 4_000, long: 30_000 };

/**
 * Committed events on the order topics, by type. Without orders.raw: some of its messages are broken on
 * purpose, and only a decoder can tell which.
 *
 * @param expected how many there should be in all: if fewer are found, they are counted once more with
 * the long time, and that count holds
 */
export async function countEvents(
  cluster: Cluster,
  names: Names,
  expected: number,
): Promise<Record<string, number>> {
  const counts = await countOnce(cluster, names, IDLE_MS.short);
  const found = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return found < expected ? await countOnce(cluster, names, IDLE_MS.long) : counts;
}

async function countOnce(
  cluster: Cluster,
  names: Names,
  idleMs: number,
): Promise<Record<string, number>> {
  const topics = TOPIC_NAMES.filter((topic) => topic !== "orders.raw")
    .map((topic) => names.topic(topic).replaceAll(".", "\\.")).join("|");
  const printed = await cluster.runTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
    ...["--bootstrap-server", cluster.bootstrap],
    ...["--include", topics],
    ...["--isolation-level", "read_committed"],
    ...["--timeout-ms", String(idleMs)],
    "--from-beginning",
  ]);
  const counts: Record<string, number> = {};
  for (const line of printed.split("\n")) {
    const type = /"type":"(\w+)"/.exec(line)?.[1];
    if (type) counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}
