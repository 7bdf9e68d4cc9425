/**
 * `deno task broker`: the embedded Kafka at the address that KAFKA_BROKERS names, until Ctrl-C or
 * SIGTERM. Exit code 0 when it was asked to stop, 1 when it could not start or ended by itself.
 */
import { type Config, integer } from "../runtime/config.ts";
import { Failure, runProgram } from "../runtime/program.ts";
import { kafkaSettings, serviceSettings, storeSettings } from "../runtime/settings.ts";
import { aborted } from "../runtime/stop.ts";
import { defaultHeapMb, startBroker } from "./cluster.ts";
import { KAFKA_VERSION } from "./kafka_jars.ts";

export const settings = {
  brokers: kafkaSettings.brokers,
  dataDir: storeSettings.dataDir,
  heapMb: integer({
    env: "BROKER_HEAP_MB",
    fallback: String(defaultHeapMb(1)),
    min: 128,
    max: 65_536,
    help: "the most memory that the embedded Kafka's heap grows to, in MiB",
  }),
  stopWithStdin: serviceSettings.stopWithStdin,
};

/** The one port of this machine that KAFKA_BROKERS names. */
function portOf(brokers: readonly string[]): number | undefined {
  const port = brokers.length === 1 && /^(?:127\.0\.0\.1|localhost):(\d+)$/.exec(brokers[0]!)?.[1];
  return port ? Number(port) : undefined;
}

function checkAddress({ brokers }: Config<typeof settings>): string | undefined {
  if (portOf(brokers) !== undefined) return undefined;
  return `KAFKA_BROKERS: the embedded Kafka is one broker on this machine: expected ` +
    `127.0.0.1:PORT, found "${brokers.join(",")}"; with a Kafka elsewhere there is none to start`;
}

if (import.meta.main) {
  const code = await runProgram({
    name: "broker",
    settings,
    checks: [checkAddress],
    async run({ config, signal }) {
      const stopRequested = aborted(signal);
      const directory = `${config.dataDir}/kafka`;
      const starting = startBroker({
        directory,
        port: portOf(config.brokers)!,
        portPolicy: "exact",
        heapMb: config.heapMb,
        onNotice: (line) => console.error(`broker: ${line}`),
      });
      const broker = await Promise.race([starting, stopRequested]);
      // Asked to stop before it was up: it ends with this process.
      if (!broker) return 0;
      console.log(
        `Kafka ${KAFKA_VERSION} is ready at ${broker.bootstrap}, data in ${directory}; Ctrl-C stops it`,
      );

      await Promise.race([stopRequested, broker.exited]);
      if (signal.aborted) {
        await broker.stop();
        return 0;
      }
      const { code } = await broker.exited;
      throw new Failure(
        `Kafka ended by itself (exit code ${code}); the last lines of its log:\n` +
          await broker.lastLogLines(),
      );
    },
  });
  Deno.exit(code);
}
