/** What the kind tasks have in common. */
import { resolve } from "node:path";
import { parse } from "yaml";
import { type Config, string } from "../runtime/setting.ts";
import { Failure } from "../runtime/errors.ts";
import { Cluster } from "./cluster.ts";

export const PROJECT = resolve(import.meta.dirname!, "../..");

/** The name of the kind cluster, of the namespace and of the Helm release. */
export const NAME = "orderflow";

/** The chart's values on such a cluster. */
export const KIND_VALUES = `${PROJECT}/deploy/kind/values.yaml`;

/** Selects what the chart made; Strimzi's pods are of an instance of that name, too. */
export const OURS = `app.kubernetes.io/name=orderflow,app.kubernetes.io/instance=${NAME}`;

/** The port of every node where analytics answers, as those values say. */
const NODE_PORT = 30080;

export const STRIMZI_VERSION = "1.2.0";

export const IMAGE = "orderflow:dev";

export const settings = {
  kindConfig: string({
    env: "KIND_CONFIG",
    fallback: `${PROJECT}/kind-config.yaml`,
    pattern: /./,
    expected: "a file",
    help: "kind's configuration: the nodes, and the port of this machine for the dashboard",
  }),
  strimziChart: string({
    env: "STRIMZI_CHART",
    fallback: "oci://quay.io/strimzi-helm/strimzi-kafka-operator",
    pattern: /./,
    expected: "the address or the path of a chart",
    help:
      `the chart of Strimzi's operator, version ${STRIMZI_VERSION}; a path if quay.io cannot be reached`,
  }),
};

export type KindConfig = Config<typeof settings>;

export function openCluster(): Cluster {
  return new Cluster({ context: `kind-${NAME}`, namespace: NAME });
}

/** The dashboard's address on this machine. */
export async function dashboardUrl({ kindConfig }: KindConfig): Promise<string> {
  const { nodes } = parse(await Deno.readTextFile(kindConfig));
  for (const { extraPortMappings = [] } of nodes) {
    for (const { containerPort, hostPort, listenAddress = "127.0.0.1" } of extraPortMappings) {
      if (containerPort === NODE_PORT) return `http://${listenAddress}:${hostPort}`;
    }
  }
  throw new Failure(
    `${kindConfig} maps no port of this machine to ${NODE_PORT}: add it to extraPortMappings`,
  );
}
