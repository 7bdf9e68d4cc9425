import { assert, assertEquals } from "@std/assert";
import { parse as parseDotenv } from "@std/dotenv";
import { CONSUMERS, PROCESSORS, topicsReadBy } from "../../src/topology.ts";
import { SERVICES } from "../../src/testing/services.ts";
import { lacks } from "../../src/testing/skips.ts";
import { type Case, CASES, CHART, find, HELM, parseAll, podsOf, render } from "./helm.ts";

const project = (file: string) => Deno.readTextFileSync(`${CHART}../../${file}`);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `chart: ${name}`, ignore: lacks(HELM), fn });
}

/** Kinds and names; of Jobs without the digest of their pod; without topics and users. */
async function inventory(name: Case): Promise<string[]> {
  return (await render(name))
    .filter(({ kind }) => !kind.startsWith("Kafka"))
    .map(({ kind, metadata }) => {
      const digest = kind === "Job" ? /-[0-9a-f]{8}$/ : "";
      return `${kind} ${metadata.name.replace(digest, "")}`;
    })
    .toSorted();
}

const DEFAULT_INVENTORY = [
  ...SERVICES.map((service) => `Deployment orderflow-${service}`),
  ...CONSUMERS.map((service) => `PodDisruptionBudget orderflow-${service}`),
  "CronJob orderflow-audit",
  "Job orderflow-seed",
  "NetworkPolicy orderflow-analytics",
  "NetworkPolicy orderflow-default-deny",
  "NetworkPolicy orderflow-dns",
  "NetworkPolicy orderflow-postgres",
  "NetworkPolicy orderflow-to-database",
  "NetworkPolicy orderflow-to-kafka",
  "Pod orderflow-test-audit",
  "Secret orderflow-postgres",
  "Service orderflow-analytics",
  "Service orderflow-postgres",
  "ServiceAccount orderflow",
  "StatefulSet orderflow-postgres",
];

const POSTGRES = DEFAULT_INVENTORY.filter((line) => line.endsWith("orderflow-postgres"));

/** What the other cases have more, and what they have not. */
const DIFFERENCES: Record<Case, { more: string[]; less: string[] }> = {
  "default": { more: [], less: [] },
  "three-brokers": { more: ["Job orderflow-simulator", "PodTemplate orderflow-dlq"], less: [] },
  "keda": {
    more: [
      "NetworkPolicy orderflow-metrics",
      "PodMonitor orderflow",
      "PrometheusRule orderflow",
      "ConfigMap orderflow-dashboard-groups",
      "ConfigMap orderflow-dashboard-overview",
      ...PROCESSORS.map((service) => `ScaledObject orderflow-${service}`),
      "Secret orderflow-keda-username",
      "TriggerAuthentication orderflow-kafka",
    ],
    less: [],
  },
  "other-kafka": {
    more: [
      "Job orderflow-topics",
      "PodTemplate orderflow-dlq",
      ...PROCESSORS.map((service) => `ScaledObject orderflow-${service}`),
      "TriggerAuthentication orderflow-kafka",
    ],
    less: [],
  },
  "exposed": {
    more: [
      "HTTPRoute orderflow-analytics",
      "Ingress orderflow-analytics",
      "ServiceAccount pipeline",
    ],
    less: ["ServiceAccount orderflow"],
  },
  "external-database": { more: ["PodTemplate orderflow-dlq"], less: POSTGRES },
  "minimal": {
    more: [],
    less: DEFAULT_INVENTORY.filter((line) =>
      /^(NetworkPolicy|PodDisruptionBudget|Job) /.test(line) || POSTGRES.includes(line)
    ),
  },
};

for (const name of CASES) {
  test(`what there is, ${name}`, async () => {
    const { more, less } = DIFFERENCES[name];
    const expected = [...DEFAULT_INVENTORY.filter((line) => !less.includes(line)), ...more];
    assertEquals(await inventory(name), expected.toSorted());
  });

  test(`every pod is restricted, bounded, and knows no token, ${name}`, async () => {
    for (const { name: of, pod } of podsOf(await render(name))) {
      assertEquals(pod.automountServiceAccountToken, false, of);
      assertEquals(pod.securityContext.runAsNonRoot, true, of);
      assertEquals(pod.securityContext.seccompProfile, { type: "RuntimeDefault" }, of);
      for (const container of pod.containers) {
        const { securityContext, resources, imagePullPolicy } = container;
        assertEquals(securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        }, of);
        for (const amounts of [resources.requests, resources.limits]) {
          assert(amounts.cpu && amounts.memory, `${of} has no requests or limits`);
        }
        // With Always, an image that was loaded into kind would not be found.
        assertEquals(imagePullPolicy, "IfNotPresent", of);
      }
    }
  });
}

test("the audit may write to its data folder alone, which has a limit", async () => {
  const set = ["--set", "audit.storage=3Gi"];
  const audits = podsOf(await render("default", set)).filter(({ name }) => name.includes("audit"));
  assertEquals(audits.length, 2);
  for (const { name, pod } of audits) {
    const [{ volumeMounts }] = pod.containers;
    const writable = volumeMounts.filter((mount: { readOnly?: boolean }) => !mount.readOnly);
    assertEquals(writable, [{ name: "data", mountPath: "/app/.data" }], name);
    const { emptyDir } = pod.volumes.find((volume: { name: string }) => volume.name === "data");
    assertEquals(emptyDir, { sizeLimit: "3Gi" }, name);
  }
});

test("replicas are left to kubectl and autoscalers, unless they are given; no simulator runs", async () => {
  interface Values {
    consumers?: Record<string, { replicas: number }>;
    simulator?: { replicas: number };
  }
  for (const name of ["default", "three-brokers"] as const) {
    const [values] = parseAll(project(`charts/orderflow/ci/${name}-values.yaml`));
    const { consumers = {}, simulator = { replicas: 0 } } = values as unknown as Values;
    const given = { ...consumers, simulator } as Record<string, { replicas: number } | undefined>;
    const deployments = (await render(name)).filter(({ kind }) => kind === "Deployment");
    assertEquals(
      Object.fromEntries(deployments.map(({ metadata, spec }) => [metadata.name, spec.replicas])),
      Object.fromEntries(SERVICES.map((service) => [
        `orderflow-${service}`,
        given[service]?.replicas,
      ])),
    );
  }
});

test("a pod has longer to end than its process to drain", async () => {
  for (const drainTimeoutMs of [15_000, 60_000]) {
    const rendered = await render("default", ["--set", `drainTimeoutMs=${drainTimeoutMs}`]);
    for (const consumer of CONSUMERS) {
      const { template } = find(rendered, "Deployment", `orderflow-${consumer}`).spec;
      const { terminationGracePeriodSeconds, containers } = template.spec;
      assert(terminationGracePeriodSeconds * 1_000 > 2 * drainTimeoutMs);
      assertEquals(
        containers[0].env.find(({ name }: { name: string }) => name === "DRAIN_TIMEOUT_MS").value,
        String(drainTimeoutMs),
      );
    }
  }
});

test("every consumer is probed, spread over the nodes, and drained one pod at a time", async () => {
  const rendered = await render("default");
  for (const consumer of CONSUMERS) {
    const { spec } = find(rendered, "Deployment", `orderflow-${consumer}`);
    const [container] = spec.template.spec.containers;
    const paths = ["startupProbe", "livenessProbe", "readinessProbe"]
      .map((probe) => container[probe].httpGet.path);
    assertEquals(paths, ["/livez", "/livez", "/readyz"]);
    const selector = spec.selector.matchLabels;
    const [spread] = spec.template.spec.topologySpreadConstraints;
    assertEquals(spread.topologyKey, "kubernetes.io/hostname");
    assertEquals(spread.labelSelector.matchLabels, selector);
    const budget = find(rendered, "PodDisruptionBudget", `orderflow-${consumer}`).spec;
    assertEquals(budget, { maxUnavailable: 1, selector: { matchLabels: selector } });
  }
});

test("what a pod is told are settings that there are, and its task is one of deno.json", async () => {
  const settings = parseDotenv(project(".env.example"));
  const { tasks } = JSON.parse(project("deno.json"));
  for (const { name, pod } of podsOf(await render("three-brokers"))) {
    if (name.endsWith("-postgres")) continue;
    const [{ args, env }] = pod.containers;
    // The template's arguments are a person's to give.
    if (name === "PodTemplate orderflow-dlq") assertEquals(args, undefined);
    else assert(args[0] in tasks, `${name}: ${args}`);
    for (const variable of env) assert(variable.name in settings, `${name}: ${variable.name}`);
  }
});

test("a process's login is that of its KafkaUser, its files are those of Strimzi's Secrets", async () => {
  const rendered = await render("default");
  for (const { name, metadata, pod } of podsOf(rendered)) {
    const [{ env, volumeMounts = [] }] = pod.containers;
    const value = (variable: string) =>
      env.find(({ name }: { name: string }) => name === variable)?.value;
    const user = value("KAFKA_SASL_USERNAME");
    const component = metadata.labels!["app.kubernetes.io/component"]!;
    if (user === undefined) {
      assert(["seed", "postgres"].includes(component), name);
      continue;
    }
    find(rendered, "KafkaUser", user);
    // deno-lint-ignore no-explicit-any
    const secretAt = (folder: string): any => {
      const { name } = volumeMounts.find(({ mountPath }: { mountPath: string }) =>
        mountPath === folder
      );
      return pod.volumes.find((volume: { name: string }) => volume.name === name).secret;
    };
    assertEquals(value("KAFKA_SSL_CA_FILE"), "/etc/kafka/ca/ca.crt");
    assertEquals(secretAt("/etc/kafka/ca").secretName, "orderflow-cluster-ca-cert");
    assertEquals(value("KAFKA_SASL_PASSWORD_FILE"), "/etc/kafka/user/password");
    assertEquals(secretAt("/etc/kafka/user").secretName, user);
    assertEquals(value("KAFKA_BROKERS"), "orderflow-kafka-bootstrap.orderflow.svc:9093");
  }
});

test("another mechanism, and IPv6, reach the processes and KEDA", async () => {
  const values = "kafka.saslMechanism=plain,kafka.bootstrapServers=[fd00::1]:9096";
  const rendered = await render("keda", ["--set", values]);
  for (const { name, pod } of podsOf(rendered)) {
    const env: { name: string; value: string }[] = pod.containers[0].env ?? [];
    if (!env.some(({ name }) => name === "KAFKA_BROKERS")) continue;
    for (const pair of ["KAFKA_SASL_MECHANISM=plain", "KAFKA_BROKERS=[fd00::1]:9096"]) {
      assert(env.some(({ name, value }) => `${name}=${value}` === pair), `${name}: ${pair}`);
    }
  }
  const triggers = rendered.filter(({ kind }) => kind === "ScaledObject")
    // deno-lint-ignore no-explicit-any
    .flatMap(({ spec }) => (spec as any).triggers);
  // deno-lint-ignore no-explicit-any
  const logins = triggers.map(({ metadata }: any) => [metadata.sasl, metadata.bootstrapServers]);
  assert(logins.length > 0);
  for (const login of logins) assertEquals(login, ["plaintext", "[fd00::1]:9096"]);
});

test("another image, or another number of orders, is another Job; the same is the same", async () => {
  const jobs = async (...args: string[]) =>
    (await render("three-brokers", args)).filter(({ kind }) => kind === "Job")
      .map(({ metadata }) => metadata.name).toSorted();
  const [seed, simulator] = await jobs();
  assertEquals(await jobs("--set", "simulator.rate=5,topics.partitions=6"), [seed, simulator]);
  const [sameSeed, otherSimulator] = await jobs("--set", "simulator.job.run=load2");
  assertEquals(sameSeed, seed);
  assert(otherSimulator !== simulator);
  const [otherSeed] = await jobs("--set", "image.tag=next");
  assert(otherSeed !== seed);
});

test("KEDA scales each processor by the lag of its group in each of its topics", async () => {
  const rendered = await render("keda");
  for (const service of PROCESSORS) {
    const { spec } = find(rendered, "ScaledObject", `orderflow-${service}`);
    assertEquals(spec.maxReplicaCount, 12);
    const triggers: { metadata: Record<string, string> }[] = spec.triggers;
    assertEquals(
      triggers.map(({ metadata }) => [metadata.consumerGroup, metadata.topic]),
      topicsReadBy(service).toSorted().map((topic) => [service, topic]),
    );
  }
  const { secretTargetRef } = find(rendered, "TriggerAuthentication", "orderflow-kafka").spec;
  assertEquals(secretTargetRef[1], {
    parameter: "password",
    name: find(rendered, "KafkaUser", "orderflow-keda").metadata.name,
    key: "password",
  });
});

test("how soon and how fast KEDA scales is the HorizontalPodAutoscaler's behavior", async () => {
  const set = "keda.behavior.scaleDown.stabilizationWindowSeconds=60,keda.behavior.scaleUp=null";
  const { spec } = find(await render("keda", ["--set", set]), "ScaledObject", "orderflow-payment");
  assertEquals(spec.advanced, {
    horizontalPodAutoscalerConfig: {
      behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
    },
  });
});
