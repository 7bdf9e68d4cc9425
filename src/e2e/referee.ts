/**
 * The independent reader: Kafka's own console consumer, from the broker's jars, counts the committed
 * events by type. It knows nothing of our client, our reader and our audit.
 */
import type { Broker } from "../local/broker.ts";
import { type Names, TOPIC_NAMES } from "../topology.ts";

/** How long the console consumer waits for a further message before it ends. */
const IDLE_MS = 4_000;

/**
 * Committed events on the order topics, by type. Those on orders.raw are left out: among them are
 * broken ones on purpose, of which it takes a decoder to say whether they are events.
 */
export async function countEvents(broker: Broker, names: Names): Promise<Record<string, number>> {
  const topics = TOPIC_NAMES.filter((topic) => topic !== "orders.raw")
    .map((topic) => names.topic(topic).replaceAll(".", "\\.")).join("|");
  const printed = await broker.runTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
    ...["--bootstrap-server", broker.bootstrap],
    ...["--include", topics],
    ...["--isolation-level", "read_committed"],
    ...["--timeout-ms", String(IDLE_MS)],
    "--from-beginning",
  ]);
  const counts: Record<string, number> = {};
  for (const line of printed.split("\n")) {
    const type = /"type":"(\w+)"/.exec(line)?.[1];
    if (type) counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}
