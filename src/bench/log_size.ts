/** How large the logs of topics are on a broker's disk. */
import type { Broker } from "../local/broker.ts";
import { LOG_DIRECTORY } from "../local/kafka/java_runtime.ts";

/** Bytes of all segments of topics, not of Kafka's own (`__…`). */
export async function logBytes({ directory }: Pick<Broker, "directory">): Promise<number> {
  let bytes = 0;
  const logs = `${directory}/${LOG_DIRECTORY}`;
  for await (const partition of Deno.readDir(logs)) {
    if (!partition.isDirectory || partition.name.startsWith("__")) continue;
    for await (const { name } of Deno.readDir(`${logs}/${partition.name}`)) {
      if (name.endsWith(".log")) {
        bytes += (await Deno.stat(`${logs}/${partition.name}/${name}`)).size;
      }
    }
  }
  return bytes;
}
