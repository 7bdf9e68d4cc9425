/** What `deno task kind:up` does, step by step; each may be repeated, and run alone. */
import { Failure } from "../runtime/errors.ts";
import { installStandIn } from "../e2e/support/strimzi_stand_in/install.ts";
import { run, whileWaiting } from "./command.ts";
import { buildAndLoad, checkTools } from "./tools.ts";
import {
  dashboardUrl,
  type KindConfig,
  NAME,
  openCluster,
  PROJECT,
  STRIMZI_VERSION,
} from "./settings.ts";

export interface Step {
  readonly name: string;
  readonly what: string;
  run(config: KindConfig): Promise<void>;
}

async function clusterExists(): Promise<boolean> {
  return (await run(["kind", "get", "clusters"])).split("\n").includes(NAME);
}

export const STEPS: readonly Step[] = [
  {
    name: "tools",
    what: "docker, kind, kubectl and helm are there",
    async run() {
      const { lines, complete } = await checkTools();
      console.log(lines.map((line) => `  ${line}`).join("\n"));
      if (!complete) throw new Failure("some tools are missing: see above");
    },
  },
  {
    name: "cluster",
    what: "a Kubernetes of three nodes in Docker",
    async run({ kindConfig }) {
      if (await clusterExists()) return console.log(`  the cluster ${NAME} is there`);
      const create = ["kind", "create", "cluster", "--name", NAME, "--config", kindConfig] as const;
      await run([...create, "--wait", "3m"], { show: true });
    },
  },
  {
    name: "images",
    what: "the image is built and loaded into the nodes",
    run: buildAndLoad,
  },
  {
    name: "operator",
    what: "Strimzi's operator",
    async run({ strimzi, strimziChart, strimziCrds }) {
      const cluster = openCluster();
      await cluster.kubectl(["apply", "-f", `${PROJECT}/deploy/strimzi/namespace.yaml`]);
      if (strimzi === "stand-in") {
        if (!strimziCrds) throw new Failure("the stand-in needs STRIMZI_CRDS, Strimzi's resources");
        return await whileWaiting(cluster, installStandIn(cluster, strimziCrds));
      }
      const version = strimziChart.startsWith("oci://") ? ["--version", STRIMZI_VERSION] : [];
      await whileWaiting(
        cluster,
        cluster.helm([
          ...["upgrade", "--install", "strimzi", strimziChart, ...version],
          ...["-f", `${PROJECT}/deploy/strimzi/operator-values.yaml`],
          ...["--wait", "--timeout", "10m"],
        ]),
      );
    },
  },
  {
    name: "kafka",
    what: "Kafka",
    async run() {
      const cluster = openCluster();
      await cluster.kubectl(["apply", "-f", `${PROJECT}/deploy/strimzi/kafka.yaml`]);
      const wait = ["wait", `kafka/${NAME}`, "--for=condition=Ready", "--timeout=10m"];
      await whileWaiting(cluster, cluster.kubectl(wait));
    },
  },
  {
    name: "chart",
    what: "topics, users, database and services",
    async run(config) {
      const cluster = openCluster();
      const chart = `${PROJECT}/charts/orderflow`;
      await whileWaiting(
        cluster,
        cluster.helm([
          ...["upgrade", "--install", NAME, chart, "--set", "image.tag=dev"],
          ...["--wait", "--timeout", "10m"],
        ]),
      );
      console.log(`  the dashboard is at ${await dashboardUrl(config)}`);
    },
  },
];
