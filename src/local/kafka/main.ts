/**
 * `deno task broker`: the embedded Kafka at the addresses that KAFKA_BROKERS names, until Ctrl-C or
 * SIGTERM. One of several nodes that ends is started again; a lone one is not. Exit code 0 when it was
 * asked to stop, 1 when it could not start or ended by itself.
 */
import { type Config, integer, optional } from "../../runtime/setting.ts";
import { runProgram } from "../../program.ts";
import { serviceSettings } from "../../services/settings.ts";
import { storeSettings } from "../../database/settings.ts";
import { kafkaSettings } from "../../kafka/access.ts";
import { aborted } from "../../runtime/shutdown.ts";
import { defaultHeapMb, nodeLines, nodesSetting, startCluster } from "./cluster.ts";
import { KAFKA_VERSION } from "./jars.ts";
import { superviseNodes } from "../supervise.ts";

export const settings = {
  nodes: nodesSetting,
  brokers: kafkaSettings.brokers,
  dataDir: storeSettings.dataDir,
  heapMb: optional(integer({
    env: "BROKER_HEAP_MB",
    fallback: "",
    fallbackHelp: `${defaultHeapMb(1)}, or ${defaultHeapMb(3)} for each of three nodes`,
    min: 128,
    max: 65_536,
    help: "the most that the heap of the embedded Kafka grows to, in MiB",
  })),
  stopWithStdin: serviceSettings.stopWithStdin,
};

/** The ports of this machine that KAFKA_BROKERS names: one for each node, or the first of them. */
function portsOf({ brokers, nodes }: Config<typeof settings>): number[] | undefined {
  const count = Number(nodes);
  const named = brokers.map((host) => Number(/^(?:127\.0\.0\.1|localhost):(\d+)$/.exec(host)?.[1]));
  const ports = named.length === 1 ? Array.from({ length: count }, (_, n) => named[0]! + n) : named;
  const sound = ports.length === count && new Set(ports).size === count &&
    ports.every((port) => port < 65_536);
  return sound ? ports : undefined;
}

function checkAddress(config: Config<typeof settings>): string | undefined {
  if (portsOf(config)) return undefined;
  const expected = config.nodes === "1"
    ? "one node on this machine: expected 127.0.0.1:PORT"
    : `${config.nodes} nodes on this machine: expected as many different 127.0.0.1:PORT, or the ` +
      "first one, which the others follow";
  return `KAFKA_BROKERS: the embedded Kafka is ${expected}, found "${config.brokers.join()}" ` +
    `(--nodes is ${config.nodes}); with a Kafka elsewhere there is none to start`;
}

if (import.meta.main) {
  const code = await runProgram({
    name: "broker",
    isService: true,
    settings,
    examples: [
      ["", "one node, until Ctrl-C; its data stays in .data"],
      ["--nodes 3", "three nodes, on the port of KAFKA_BROKERS and the two after it"],
    ],
    checks: [checkAddress],
    async run({ config, signal }) {
      const stopRequested = aborted(signal);
      const directory = `${config.dataDir}/kafka`;
      const onNotice = (line: string) => console.error(`broker: ${line}`);
      const starting = startCluster({
        directory,
        ports: portsOf(config)!,
        portPolicy: "exact",
        heapMb: config.heapMb,
        onNotice,
      });
      const cluster = await Promise.race([starting, stopRequested]);
      // Asked to stop before it was up: it ends with this process.
      if (!cluster) return 0;
      for (const line of nodeLines(cluster)) console.log(line);
      console.log(
        `Kafka ${KAFKA_VERSION} is ready at ${cluster.bootstrap}, data in ${directory}; Ctrl-C stops it`,
      );

      await Promise.race([stopRequested, superviseNodes(cluster, { signal, onNotice })]);
      await cluster.stop();
      return 0;
    },
  });
  Deno.exit(code);
}
