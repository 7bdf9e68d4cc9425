/** `deno task kind:up`: from nothing to orderflow on a kind cluster. May be repeated. */
import { Failure } from "../runtime/errors.ts";
import { choice } from "../runtime/setting.ts";
import { runProgram } from "../program.ts";
import { attempt, run, whileWaiting } from "./cluster.ts";
import {
  dashboardUrl,
  KIND_VALUES,
  type KindConfig,
  NAME,
  openCluster,
  PROJECT,
  settings,
} from "./settings.ts";
import { buildAndLoad, foreignImages, type KafkaOperator, STRIMZI } from "./strimzi.ts";

/** A program that the kind tasks need. */
interface Tool {
  readonly name: string;
  /** Prints its version on stdout, among other things; fails if it does not work. */
  readonly ask: readonly [string, ...string[]];
  /** The oldest version that works: major, minor. */
  readonly least: readonly [number, number];
  readonly from: string;
}

const TOOLS: readonly Tool[] = [
  {
    name: "docker",
    // The server's version: kind needs a daemon that answers.
    ask: ["docker", "version", "--format", "{{.Server.Version}}"],
    least: [20, 10],
    from: "https://docs.docker.com/engine/install/",
  },
  {
    name: "kind",
    ask: ["kind", "version"],
    least: [0, 30],
    from: "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
  },
  {
    name: "kubectl",
    ask: ["kubectl", "version", "--client", "-o", "json"],
    least: [1, 30],
    from: "https://kubernetes.io/docs/tasks/tools/",
  },
  {
    name: "helm",
    ask: ["helm", "version", "--short"],
    least: [4, 0],
    from: "https://helm.sh/docs/intro/install/",
  },
];

/** The first version in what a program prints. */
export function versionIn(text: string): string | undefined {
  return /\bv?(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1];
}

export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [its, next] = version.split(".").map(Number) as [number, number];
  return its > major || (its === major && next >= minor);
}

interface ToolReport {
  /** A line a tool. */
  readonly lines: readonly string[];
  readonly complete: boolean;
}

async function checkTools(): Promise<ToolReport> {
  const reports = await Promise.all(TOOLS.map(async ({ name, ask, least, from }) => {
    const { code, stdout, stderr } = await attempt(ask);
    const version = versionIn(stdout);
    const wanted = `${least.join(".")} or later`;
    if (code === 127) return { line: `${name} is missing: install ${wanted}, ${from}`, ok: false };
    if (code !== 0 || version === undefined) {
      const why = stderr.trim().split("\n").at(-1) || "it prints no version";
      return { line: `${name} does not work: ${why}`, ok: false };
    }
    return isAtLeast(version, least)
      ? { line: `${name} ${version}`, ok: true }
      : { line: `${name} ${version} is too old: install ${wanted}, ${from}`, ok: false };
  }));
  return { lines: reports.map(({ line }) => line), complete: reports.every(({ ok }) => ok) };
}

/** May be repeated, and run alone. */
interface Step {
  readonly name: string;
  readonly what: string;
  run(config: KindConfig, operator: KafkaOperator): Promise<void>;
}

async function clusterExists(): Promise<boolean> {
  return (await run(["kind", "get", "clusters"])).split("\n").includes(NAME);
}

const STEPS: readonly Step[] = [
  {
    name: "tools",
    what: "docker, kind, kubectl and helm are installed",
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
      if (await clusterExists()) return console.log(`  the cluster ${NAME} exists already`);
      const create = ["kind", "create", "cluster", "--name", NAME, "--config", kindConfig] as const;
      await run([...create, "--wait", "3m"], { show: true });
    },
  },
  {
    name: "images",
    what: "the image is built and loaded into the nodes",
    run: (_config, operator) => buildAndLoad(operator),
  },
  {
    name: "operator",
    what: "Strimzi's operator",
    async run(config, operator) {
      const cluster = openCluster();
      await cluster.kubectl(["apply", "-f", `${PROJECT}/deploy/strimzi/namespace.yaml`]);
      await operator.install(cluster, config);
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
          ...["upgrade", "--install", NAME, chart, "--values", KIND_VALUES],
          ...["--wait", "--timeout", "10m"],
        ]),
      );
      console.log(`  the dashboard is at ${await dashboardUrl(config)}`);
    },
  },
];

/** @returns the exit code */
export function up(operator: KafkaOperator): Promise<number> {
  return runProgram({
    name: "kind:up",
    examples: [
      ["", "all steps; may be repeated"],
      ["--only chart", "one step alone"],
    ],
    settings: {
      ...settings,
      only: choice({
        option: "only",
        fallback: "all",
        words: ["all", ...STEPS.map(({ name }) => name)],
        help: `one step alone: ${STEPS.map(({ name, what }) => `${name} (${what})`).join(", ")}`,
      }),
    },
    async run({ config }) {
      const steps = STEPS.filter(({ name }) => config.only === "all" || config.only === name);
      if (config.only === "all") {
        console.log(
          "Images that are not built here; Docker's are loaded, the rest is pulled by the nodes:\n" +
            foreignImages(operator).map((image) => `  ${image}`).join("\n"),
        );
      }
      for (const { name, what, run } of steps) {
        const startedAt = performance.now();
        console.log(`${name}: ${what}`);
        await run(config, operator);
        console.log(`  done in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
      }
      if (config.only !== "all" && config.only !== "chart") return;
      console.log(
        "\nNow let orders flow, and see how partitions move when a service is scaled:\n" +
          "  deno task kind:demo\n" +
          "or by hand:\n" +
          "  kubectl -n orderflow scale deployment/orderflow-simulator --replicas=1\n" +
          "  kubectl -n orderflow scale deployment/orderflow-validator --replicas=3\n" +
          "  kubectl -n orderflow exec deployment/orderflow-analytics -- groups validator",
      );
    },
  });
}

if (import.meta.main) Deno.exit(await up(STRIMZI));
