/**
 * The chart on a real Kubernetes, from a clean cluster to its removal, with pods scaled, killed,
 * drained and upgraded while orders flow. After that the audit, `helm test`, passes: once for all
 * consumers that are scaled, as each has a group of its own, and after each of the others.
 *
 * The cluster has a real Kafka, and a stand-in for Strimzi (src/e2e/support/strimzi_stand_in/).
 */
import { assertEquals, assertMatch } from "@std/assert";
import type { Cluster } from "../../kind/cluster.ts";
import { CONSUMERS, DEFAULT_PARTITIONS, type Service, topicsWrittenBy } from "../../topology.ts";
import { RELEASE, untilSlow } from "./test_cluster.ts";
import { asUser, longestPauseMs } from "./kafka_tools.ts";
import {
  CHART,
  type Installed,
  installKafka,
  report,
  seconds,
  selectorOf,
  type Step,
  testOnCluster,
  VALUES,
} from "./on_cluster.ts";
import { watchUsage } from "./resource_usage.ts";

const RATE = ["--set", "simulator.rate=200"];
/** Analytics as members of a group that share its partitions, for as long as it is scaled. */
const SHARED = ["--set-string", "consumers.analytics.env.ANALYTICS_FROM_BEGINNING=false"];

/** Everything in the namespace that was installed, as `kind/name`. */
async function inventoryOf(cluster: Cluster): Promise<string[]> {
  const kinds = "deployments,statefulsets,jobs,services,configmaps,secrets,serviceaccounts,roles," +
    "rolebindings,networkpolicies,poddisruptionbudgets,persistentvolumeclaims,pods,kafkatopics,kafkausers";
  return (await cluster.kubectl(["get", kinds, "-o", "name"])).split("\n").filter(Boolean);
}

/** Scales each consumer up and down, and reports how long a partition paused meanwhile. */
async function scaleConsumers({ cluster, flow }: Installed, step: Step): Promise<void> {
  const scaledUp: { service: Service; fromMs: number; toMs: number }[] = [];
  await flow.whileOrdersFlow(async () => {
    for (const service of CONSUMERS) {
      await step(`${service} 1 → 3 → 1`, async () => {
        const fromMs = Date.now();
        await flow.scale(service, 3);
        await flow.settles(400);
        scaledUp.push({ service, fromMs, toMs: Date.now() });
        await flow.scale(service, 1);
      });
    }
  });
  // Not before: Kafka's consumer ends when nothing more comes.
  await Promise.all(scaledUp.map(async ({ service, fromMs, toMs }) => {
    const [output] = topicsWrittenBy(service);
    if (output === undefined) return;
    const { partition, pauseMs } = await longestPauseMs(cluster, output, fromMs, toMs);
    const where = `${output} ${partition}`;
    report(`${service} 1 → 3: longest pause of a partition ${pauseMs} ms (${where})`);
  }));
}

async function installChart({ cluster, flow }: Installed): Promise<void> {
  const installedAt = performance.now();
  await cluster.helm(["install", RELEASE, ...CHART, ...VALUES, ...RATE, ...SHARED]);
  report(`helm install --wait took ${seconds(installedAt)} s`);
  await cluster.scale(`${RELEASE}-simulator`, 1);
  await untilSlow("the first order settles", async () => await flow.settled() > 0);
  report(`from helm install to the first settled order: ${seconds(installedAt)} s`);
  await flow.whileOrdersFlow(() => flow.settles(500));
}

async function deletePods({ cluster }: Installed): Promise<void> {
  for (const service of CONSUMERS) {
    const [pod] = await cluster.pods(selectorOf(service));
    await cluster.kubectl([
      ...["delete", "pod", pod!.metadata.name, "--grace-period=0", "--force"],
    ]);
    await cluster.rolledOut(`deployment/${RELEASE}-${service}`);
  }
}

async function drainNode({ cluster }: Installed): Promise<void> {
  const [pod] = await cluster.pods(selectorOf("validator"));
  const node = pod!.spec.nodeName!;
  try {
    // Not the database and the broker: their data is on that node.
    await cluster.kubectl([
      ...["drain", node, "--ignore-daemonsets", "--timeout=120s"],
      `--pod-selector=app.kubernetes.io/component in (${CONSUMERS.join(",")})`,
    ]);
  } finally {
    await cluster.kubectl(["uncordon", node]);
  }
  for (const service of CONSUMERS) await cluster.rolledOut(`deployment/${RELEASE}-${service}`);
}

async function upgrade({ cluster, flow }: Installed): Promise<void> {
  await flow.scale("payment", 2);
  await cluster.helm([
    ...["upgrade", RELEASE, ...CHART, ...VALUES, ...RATE, "--set", "env.MAX_BATCH=500"],
  ]);
  assertEquals((await cluster.pods(selectorOf("payment"))).length, 2);
}

async function checkAcls({ cluster }: Installed): Promise<void> {
  const user = `${RELEASE}-validator`;
  const allowed = await asUser(
    cluster,
    user,
    "org.apache.kafka.tools.GetOffsetShell",
    "--topic orders.raw",
    { configFlag: "--command-config", stdin: "" },
  );
  assertEquals(allowed.code, 0, allowed.text);
  assertMatch(allowed.text, new RegExp(`^orders\\.raw:${DEFAULT_PARTITIONS - 1}:\\d+$`, "m"));
  const refused = await asUser(
    cluster,
    user,
    "org.apache.kafka.tools.ConsoleProducer",
    // Without --sync the refusal is only logged: describing the topic is allowed.
    "--topic payment.events --sync",
    { configFlag: "--command-config", stdin: "{}" },
  );
  assertMatch(refused.text, /TopicAuthorizationException|Not authorized to access topics/);
}

/** @param before what was there before the chart was installed */
async function uninstall({ cluster }: Installed, before: readonly string[]): Promise<void> {
  await cluster.helm(["uninstall", RELEASE, "--wait", "--timeout", "3m"]);
  // As NOTES.txt says.
  await untilSlow("only the last audit's pod is left", async () => {
    const left = (await inventoryOf(cluster)).filter((name) => !before.includes(name));
    return left.length === 1 && left[0] === `pod/${RELEASE}-test-audit`;
  });
}

testOnCluster("the chart on Kubernetes", async (installed, step) => {
  const { cluster, flow } = installed;
  const whileOrdersFlow = (name: string, disturb: (installed: Installed) => Promise<void>) =>
    step(`${name} in mid-stream`, () => flow.whileOrdersFlow(() => disturb(installed)));
  await step("the Dockerfile is built and loaded", installed.loadImages);
  await step("Kafka is ready under Strimzi's names", () => installKafka(installed));
  const before = await inventoryOf(cluster);
  await step(
    "helm install: every pod is ready, orders flow, the audit passes",
    () => installChart(installed),
  );
  const usage = watchUsage(cluster);
  await step("kubectl scale: each consumer", (step) => scaleConsumers(installed, step));
  for (const line of await usage.stop()) report(line);
  await whileOrdersFlow("a pod of each consumer deleted with no grace", deletePods);
  await whileOrdersFlow("a node's pods drained", drainNode);
  await whileOrdersFlow(
    "helm upgrade with other values, which leaves replicas as scaled,",
    upgrade,
  );
  await step(
    "ACLs: a service reads what it may and cannot write another's topic",
    () => checkAcls(installed),
  );
  await step(
    "helm uninstall leaves nothing but what it says",
    () => uninstall(installed, before),
  );
});
