/**
 * The independent reader: Kafka's own console consumer, from the broker's jars, counts the committed
 * events by type. It knows nothing of our client, our reader and our audit.
 */
import type { Broker } from "../local/broker.ts";
import { type Names, TOPIC_NAMES } from "../topology.ts";

/** How long the console consumer waits for a further message before it ends. */
const IDLE_MS = 4_000;

/** Committed events on the order topics, by type. */
export async function countEvents(broker: Broker, names: Names): Promise<Map<string, number>> {
  const topics = TOPIC_NAMES.map((topic) => names.topic(topic).replaceAll(".", "\\.")).join("|");
  const printed = await broker.runTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
    ...["--bootstrap-server", broker.bootstrap],
    ...["--include", topics],
    ...["--isolation-level", "read_committed"],
    ...["--timeout-ms", String(IDLE_MS)],
    "--from-beginning",
  ]);
  const counts = new Map<string, number>();
  for (const line of printed.split("\n")) {
    const type = /"type":"(\w+)"/.exec(line)?.[1];
    if (type) counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}
