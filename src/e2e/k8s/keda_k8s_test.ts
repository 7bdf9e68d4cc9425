/**
 * The chart with `keda.enabled` on a real Kubernetes with a real KEDA: the lag of a group scales its
 * service up, to as many replicas as there are partitions, and down again when it is gone.
 *
 * Payment has two calls in flight at a time here, as with a slow provider: more orders than one pod can
 * charge, on a machine that has time for more pods.
 */
import { assertEquals } from "@std/assert";
import { untilBalanced } from "../../kind/demo.ts";
import {
  CHART,
  type Installed,
  installKafka,
  report,
  seconds,
  testOnCluster,
  VALUES,
} from "./on_cluster.ts";
import { RELEASE, untilSlow } from "./test_cluster.ts";
import { installKeda, loadKeda } from "./keda.ts";

const SERVICE = "payment";
const PARTITIONS = 4;
const BURST = 2_000;
const SETTINGS = [
  ...["simulator.rate=20", `topics.partitions=${PARTITIONS}`],
  ...[
    "consumers.payment.env.GATEWAY_MAX_IN_FLIGHT=2",
    "consumers.payment.env.GATEWAY_LATENCY_MS=10",
  ],
  ...["keda.enabled=true", `keda.maxReplicas=${PARTITIONS}`, "keda.lagThreshold=200"],
  ...["keda.pollingIntervalS=5", "keda.behavior.scaleDown.stabilizationWindowSeconds=0"],
].flatMap((setting) => ["--set", setting]);

/** Everything that KEDA has made, or could have left. */
function scalers({ cluster }: Installed): Promise<string> {
  return cluster.kubectl([
    ...["get", "scaledobjects,triggerauthentications,horizontalpodautoscalers", "-o", "name"],
  ]);
}

async function replicasOf({ cluster }: Installed): Promise<number> {
  const path = ["-o", "jsonpath={.spec.replicas}"];
  return Number(await cluster.kubectl(["get", `deployment/${RELEASE}-${SERVICE}`, ...path]));
}

async function installChart({ cluster }: Installed): Promise<void> {
  const installedAt = performance.now();
  await cluster.helm(["install", RELEASE, ...CHART, ...VALUES, ...SETTINGS]);
  report(`helm install --wait took ${seconds(installedAt)} s`);
  await cluster.kubectl([
    ...["wait", "scaledobjects", "--all", "--for=condition=Ready", "--timeout=2m"],
  ]);
  report(`the ScaledObjects are ready after ${seconds(installedAt)} s`);
}

async function scalesUpAndDown(installed: Installed): Promise<void> {
  const { cluster, flow } = installed;
  assertEquals(await replicasOf(installed), 1);
  const burstAt = performance.now();
  const burst = ["--set", `simulator.job.orders=${BURST},simulator.job.run=burst`];
  await cluster.helm(["upgrade", RELEASE, ...CHART, ...VALUES, ...SETTINGS, ...burst]);
  await untilBalanced(cluster, SERVICE, PARTITIONS);
  report(`${PARTITIONS} pods of ${SERVICE} share the partitions after ${seconds(burstAt)} s`);
  await untilSlow(
    "its lag is gone, and one pod is left",
    async () => await replicasOf(installed) === 1,
  );
  await untilBalanced(cluster, SERVICE, 1);
  report(`one has them all after ${seconds(burstAt)} s`);
  await flow.settles(100);
}

testOnCluster("the chart with KEDA", async (installed, step) => {
  const { cluster, flow } = installed;
  await step("the Dockerfile is built and loaded, and KEDA", async () => {
    await loadKeda(installed);
    await installed.loadImages();
  });
  await step(
    "Kafka is ready under Strimzi's names, and KEDA",
    () => Promise.all([installKafka(installed), installKeda(installed)]),
  );
  await step("helm install: every ScaledObject is ready", () => installChart(installed));
  await step(
    "lag scales a service up to its partitions, and down when it is gone, in mid-stream",
    () => flow.whileOrdersFlow(() => scalesUpAndDown(installed)),
  );
  await step("helm uninstall leaves nothing that scales", async () => {
    await cluster.helm(["uninstall", RELEASE, "--wait", "--timeout", "3m"]);
    await untilSlow("nothing is left", async () => await scalers(installed) === "");
  });
});
