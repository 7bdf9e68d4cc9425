/** What the kind tasks have in common. */
import { resolve } from "node:path";
import { choice, type Config, string } from "../../runtime/config.ts";
import { Cluster } from "./cluster.ts";

export const PROJECT = resolve(import.meta.dirname!, "../../..");

/** The name of the kind cluster, of the namespace and of the Helm release. */
export const NAME = "orderflow";

/** Where the dashboard's port comes out on this machine: kind-config.yaml. */
export const DASHBOARD = "http://127.0.0.1:8080";

export const STRIMZI_VERSION = "1.2.0";

export const IMAGE = "orderflow:dev";

export const settings = {
  strimzi: choice({
    env: "STRIMZI",
    fallback: "operator",
    words: ["operator", "stand-in"],
    help: "stand-in: a single broker that looks like Strimzi's to the chart, for machines that " +
      "cannot pull Strimzi's images (see docs/kubernetes.md)",
  }),
  strimziChart: string({
    env: "STRIMZI_CHART",
    fallback: "oci://quay.io/strimzi-helm/strimzi-kafka-operator",
    pattern: /./,
    expected: "the address or the path of a chart",
    help:
      `the chart of Strimzi ${STRIMZI_VERSION}'s operator; a path where quay.io is out of reach`,
  }),
  strimziCrds: string({
    env: "STRIMZI_CRDS",
    fallback: "",
    help: "only for the stand-in: the folder with Strimzi's resource definitions",
  }),
};

export type KindConfig = Config<typeof settings>;

export function openCluster(): Cluster {
  return new Cluster({ context: `kind-${NAME}`, namespace: NAME });
}
