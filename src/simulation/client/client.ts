/** The client of Kafka that the loop runs on in the simulation. */
import type { Cluster } from "../../kafka/client/cluster.ts";
import { explain } from "../../kafka/client/errors.ts";
import { countPartitions } from "../../kafka/partition_counts.ts";
import type { ProcessorClient } from "../../kafka/processor/client.ts";
import { pause } from "../../runtime/shutdown.ts";
import type { SimulatedProcess } from "../process.ts";
import { SimulatedCluster } from "./cluster.ts";
import { SimulatedMember } from "./member.ts";
import type { Network } from "./network.ts";

const RETRY_MS = 1_000;

/** All that it does, it does as `process`. */
export function createSimulatedClient(
  process: SimulatedProcess,
  network: Network,
): ProcessorClient {
  const createCluster = () => new SimulatedCluster(network, process);
  return {
    compression: "none",
    createCluster,
    createMember: (options) =>
      new SimulatedMember(
        new SimulatedCluster(network, process, options.metadataMaxAgeMs),
        options,
      ),
    ready: (options) => ready(createCluster(), options),
    withLogReader: () => Promise.reject(new Error("not modelled: reading a log without a group")),
  };
}

/** As clusterReady. */
async function ready(
  cluster: Cluster,
  { topics, signal, onWait }: Parameters<ProcessorClient["ready"]>[0],
): Promise<void> {
  let reported: string | undefined;
  const tell = (reason: string) => {
    if (reason !== reported) onWait(reason);
    reported = reason;
  };
  while (!signal.aborted) {
    try {
      const counts = await countPartitions(cluster, topics);
      const missing = topics.filter((topic) => !counts.get(topic));
      if (missing.length === 0) break;
      tell(`waiting for the topics ${missing.join(", ")}`);
    } catch (error) {
      tell(`waiting for Kafka: ${explain(error)}`);
    }
    await pause(RETRY_MS, signal);
  }
  await cluster.disconnect();
}
