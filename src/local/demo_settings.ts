/** The settings of `deno task demo`, and the checks of them that concern several at once. */
import { isAbsolute, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Config,
  flag,
  hosts,
  integer,
  jsonSettings,
  optional,
  type Setting,
} from "../runtime/setting.ts";
import { accessChecks, accessSettings } from "../kafka/access.ts";
import { topicSettings } from "../kafka/topics.ts";
import { processorSettings } from "../services/settings.ts";
import { settings as simulatorSettings } from "../services/simulator/settings.ts";
import { CONSUMERS, type Service } from "../topology.ts";
import { nodesSetting } from "./kafka/cluster.ts";
import { PROJECT } from "./task.ts";

const { partitions, replicationFactor } = topicSettings;
const { guarantee, databaseUrl, databasePassword, dataDir, httpHost, logLevel, logFormat } =
  processorSettings;
const { brokers: _, ...securitySettings } = accessSettings;

export const settings = {
  orders: integer({
    env: "DEMO_ORDERS",
    option: "orders",
    fallback: "20000",
    min: 1,
    max: 100_000_000,
    help: "how many orders to place",
  }),
  rate: optional(integer({
    env: "DEMO_RATE",
    option: "rate",
    fallback: "",
    fallbackHelp: "some at 1000, then as fast as it can",
    min: 0,
    max: 1_000_000,
    help: "orders a second; 0: as fast as it can",
  })),
  seed: simulatorSettings.seed,
  replicas: replicas({
    option: "replicas",
    fallback: "",
    fallbackHelp: "one of each",
    help: "how many members services have, such as validator=2,payment=3",
  }),
  external: optional(hosts({
    option: "brokers",
    fallback: "",
    fallbackHelp: "an embedded one is started",
    help:
      "the Kafka to use, host:port, several separated by commas; TLS and login as the settings " +
      "KAFKA_SSL… and KAFKA_SASL… say",
  })),
  ...securitySettings,
  nodes: nodesSetting,
  disturb: flag({
    option: "disturb",
    fallback: "false",
    help: "with --nodes 3: restart each node, and then kill each, while orders flow",
  }),
  keep: flag({
    option: "keep",
    fallback: "false",
    help: "leave everything running after the audit, until Ctrl-C",
  }),
  ...jsonSettings,
  partitions,
  replicationFactor,
  guarantee,
  databaseUrl,
  databasePassword,
  dataDir,
  httpHost,
  logLevel,
  logFormat,
};

export type DemoConfig = Config<typeof settings>;

/** `validator=2,payment=3`: members by service. */
function replicas(
  source: { option: string; fallback: string; fallbackHelp: string; help: string },
): Setting<ReadonlyMap<Service, number>> {
  return {
    ...source,
    read(text) {
      const members = new Map<Service, number>(CONSUMERS.map((service) => [service, 1]));
      for (const part of text.split(",").filter(Boolean)) {
        const [, name, count] = /^([a-z]+)=(\d{1,2})$/.exec(part.trim()) ?? [];
        if (!CONSUMERS.includes(name as Service) || Number(count) < 1) {
          throw new Error(
            `SERVICE=MEMBERS, several separated by commas, of ${CONSUMERS.join(", ")}`,
          );
        }
        members.set(name as Service, Number(count));
      }
      return members;
    },
  };
}

function checkNodes({ nodes, disturb, external }: DemoConfig): string | undefined {
  if (disturb && nodes === "1") {
    return "--disturb: restarts and kills one node after another, and needs --nodes 3";
  }
  if (external && nodes !== "1") {
    return "--nodes: with --brokers there is no Kafka to start; leave out one of the two";
  }
}

/** The demo may write anywhere; the services that it starts may not, and would refuse one by one. */
function checkFolder({ dataDir }: DemoConfig): string | undefined {
  const within = relative(".data", dataDir);
  if (!within.startsWith("..") && !isAbsolute(within)) return undefined;
  return "DATA_DIR: expected .data, or a folder below it (the services may write to no other), " +
    `found "${dataDir}"`;
}

/** The services may read files of this project and below /etc/kafka, and no others. */
const checkFiles = (["caFile", "passwordFile", "tokenFile"] as const).map(
  (name) => (config: DemoConfig): string | undefined => {
    const path = config.external && config[name]?.path;
    if (!path || isBelow(fileURLToPath(PROJECT), path) || isBelow("/etc/kafka", path)) return;
    return `${settings[name].env}: expected a file of this project, or below /etc/kafka: the ` +
      `services may read no others; found "${path}"`;
  },
);

function isBelow(folder: string, path: string): boolean {
  return !relative(folder, resolve(path)).startsWith("..");
}

export const checks = [checkNodes, checkFolder, ...checkFiles, ...accessChecks];
