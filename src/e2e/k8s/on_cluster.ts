/** What the tests on a Kubernetes have in common: steps on a cluster of their own, and what is on it. */
import type { Cluster } from "../../kind/cluster.ts";
import { KIND_VALUES, OURS, PROJECT } from "../../kind/settings.ts";
import type { Service } from "../../topology.ts";
import { installStandIn } from "../support/strimzi_stand_in/kind_up.ts";
import { findCluster, Flow, type TestCluster } from "./test_cluster.ts";

/** How the chart is installed and upgraded. */
export const CHART = [`${PROJECT}/charts/orderflow`, "--wait", "--timeout", "5m"];
export const VALUES = ["--values", KIND_VALUES];

export const selectorOf = (service: Service) => `${OURS},app.kubernetes.io/component=${service}`;

export interface Installed extends TestCluster {
  readonly flow: Flow;
}

/** Runs a step that the later ones need, and that may have steps itself. */
export type Step = (name: string, body: (step: Step) => Promise<unknown>) => Promise<void>;

const stepOf = (t: Deno.TestContext): Step => async (name, body) => {
  const passed = await t.step(name, async (t) => void await body(stepOf(t)));
  if (!passed) throw new Error(`${name}: failed; the rest needs it`);
};

const started = performance.now();
export const seconds = (sinceMs: number) => ((performance.now() - sinceMs) / 1_000).toFixed(1);
export const report = (line: string) => console.log(`  [${seconds(started)} s] ${line}`);

/** Registers a test that begins with a fresh cluster and ends it. Without one it is skipped, and says so. */
export function testOnCluster(
  name: string,
  body: (installed: Installed, step: Step) => Promise<void>,
): void {
  const open = findCluster();
  if (open === undefined) {
    console.warn(
      "\n*** SKIPPED: there is no Kubernetes to test on: RIG names no command that starts one ***\n",
    );
  }
  Deno.test({
    name,
    ignore: open === undefined,
    // The cluster outlives what a step does.
    sanitizeResources: false,
    async fn(t) {
      const opened = await open!();
      const { cluster, analyticsUrl, down } = opened;
      try {
        await body({ ...opened, flow: new Flow(cluster, analyticsUrl) }, stepOf(t));
      } catch (error) {
        await describeTrouble(cluster);
        throw error;
      } finally {
        await down();
      }
    },
  });
}

/** Kafka under Strimzi's names, in the namespace that the chart goes into. */
export async function installKafka({ cluster, crds }: Installed): Promise<void> {
  await cluster.kubectl(["apply", "-f", `${PROJECT}/deploy/strimzi/namespace.yaml`]);
  await installStandIn(cluster, crds);
  await cluster.kubectl(["apply", "-f", `${PROJECT}/deploy/strimzi/kafka.yaml`]);
  await cluster.kubectl(["wait", "kafka/orderflow", "--for=condition=Ready", "--timeout=3m"]);
}

/** What a person would look at first. */
async function describeTrouble(cluster: Cluster): Promise<void> {
  for (
    const args of [
      ["get", "pods", "-o", "wide"],
      ["get", "kafkatopics,kafkausers"],
      ["get", "events", "--sort-by=.lastTimestamp", "--field-selector=type=Warning"],
      ["logs", "-l", OURS, "--prefix", "--tail=8"],
      ["logs", "orderflow-dual-role-0", "-c", "operator", "--tail=15"],
    ]
  ) {
    const { stdout, stderr } = await cluster.tryKubectl(args);
    console.error(`--- kubectl ${args.join(" ")}\n${stdout}${stderr}`);
  }
}
