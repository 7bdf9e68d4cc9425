/** What any chart is expected to do: names, images, places of pods, ways in, being a dependency. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { stringify } from "yaml";
import { lacks } from "../../src/testing/skips.ts";
import { attempt } from "../../src/kind/cluster.ts";
import { CHART, find, HELM, helmTemplate, parseAll, podsOf, render } from "./helm.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `chart: ${name}`, ignore: lacks(HELM), fn });
}

test("in a parent chart it takes global values and a condition, and keeps its names apart", async () => {
  const parent = await Deno.makeTempDir({ prefix: "orderflow-parent-" });
  try {
    await Deno.mkdir(`${parent}/charts`);
    await Deno.symlink(CHART, `${parent}/charts/orderflow`);
    const dependency = { name: "orderflow", version: "*", condition: "orderflow.enabled" };
    await Deno.writeTextFile(
      `${parent}/Chart.yaml`,
      stringify({ apiVersion: "v2", name: "shop", version: "1.0.0", dependencies: [dependency] }),
    );
    const values = {
      global: { imageRegistry: "registry.example.com", storageClass: "fast" },
      orderflow: { enabled: true, topics: { partitions: 6 }, postgres: { password: "secret" } },
    };
    const file = `${parent}/values.yaml`;
    await Deno.writeTextFile(file, stringify(values));
    const template = (...args: string[]) =>
      attempt(["helm", "template", "shop", parent, "--namespace", "shop", ...args]);

    const { code, stdout, stderr } = await template();
    assertEquals(code, 0, stderr);
    const rendered = parseAll(stdout);
    find(rendered, "Deployment", "shop-orderflow-validator");
    assertEquals(find(rendered, "KafkaTopic", "orders.raw").spec.partitions, 6);
    const without = await template("--set", "orderflow.enabled=false");
    assertEquals([without.code, parseAll(without.stdout)], [0, []], without.stderr);
    const wrong = await template("--set", "orderflow.topics.partition=6");
    assertEquals(wrong.code, 1);
    assertStringIncludes(wrong.stderr, "partition");
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

test("the image is that of the chart's appVersion, of a tag, or of a digest before all", async () => {
  const [{ appVersion }] = parseAll(Deno.readTextFileSync(`${CHART}Chart.yaml`)) as unknown as [
    { appVersion: string },
  ];
  const digest = `sha256:${"0".repeat(64)}`;
  const images = {
    "image.repository=orderflow": `orderflow:${appVersion}`,
    "image.tag=next": "orderflow:next",
    [`image.tag=next,image.digest=${digest}`]: `orderflow@${digest}`,
  };
  for (const [set, image] of Object.entries(images)) {
    for (const { name, pod } of podsOf(await render("default", ["--set", set]))) {
      if (name.endsWith("-postgres")) continue;
      assertEquals(pod.containers[0].image, image, `${name}, ${set}`);
    }
  }
});

test("names and labels can be overridden, and stay short enough for the names of pods", async () => {
  const rendered = await render("default", ["--set", "nameOverride=pipeline"]);
  const { metadata, spec } = find(rendered, "Deployment", "orderflow-pipeline-validator");
  assertEquals(metadata.labels?.["app.kubernetes.io/name"], "pipeline");
  assertEquals(spec.selector.matchLabels["app.kubernetes.io/name"], "pipeline");
  const full = await render("default", ["--set", "fullnameOverride=shop"]);
  find(full, "Deployment", "shop-validator");
  find(full, "KafkaUser", "shop-validator");
  assert(full.every(({ kind, metadata }) => kind === "KafkaTopic" || /^shop/.test(metadata.name)));
  const { code, stdout } = await attempt([
    "helm",
    ...["template", "a-release-with-a-name-as-long-as-helm-takes-it-53-all", CHART],
  ]);
  assertEquals(code, 0);
  for (const { kind, metadata } of parseAll(stdout)) {
    assert(metadata.name.length <= 63, `${kind} ${metadata.name}`);
  }
});

test("every pod, the database's too, is placed, labelled and pulled as the values say", async () => {
  const rendered = await render("exposed");
  const pods = podsOf(rendered);
  assert(pods.some(({ name }) => name.endsWith("-postgres")));
  for (const { name, metadata, pod } of pods) {
    assertEquals(metadata.labels?.team, "orders", name);
    assertEquals(metadata.annotations?.["sidecar.istio.io/inject"], "false", name);
    assertEquals(pod.serviceAccountName, "pipeline", name);
    assertEquals(pod.imagePullSecrets, [{ name: "registry" }], name);
    assertEquals(pod.nodeSelector, { "kubernetes.io/arch": "amd64" }, name);
    assertEquals(pod.tolerations.length, 1, name);
    assert(pod.affinity.nodeAffinity, name);
    assertEquals(pod.priorityClassName, "orders", name);
    if (name.endsWith("-postgres")) continue;
    const [{ env, envFrom }] = pod.containers;
    assert(env.some(({ name }: { name: string }) => name === "SSL_CERT_FILE"), name);
    assertEquals(envFrom, [{ configMapRef: { name: "orderflow-settings", optional: true } }], name);
  }
  const { metadata } = find(rendered, "ServiceAccount", "pipeline");
  assert(metadata.annotations?.["eks.amazonaws.com/role-arn"]);
  const shared = await render("default", ["--set", "serviceAccount.create=false"]);
  assert(!shared.some(({ kind }) => kind === "ServiceAccount"));
  for (const { name, pod } of podsOf(shared)) assertEquals(pod.serviceAccountName, "default", name);
});

test("a Job whose pod gets other labels, annotations or chart is another Job", async () => {
  const jobs = async (...args: string[]) =>
    (await render("three-brokers", args)).filter(({ kind }) => kind === "Job")
      .map(({ metadata }) => metadata.name);
  const before = await jobs();
  for (const set of ["podLabels.team=orders", "podAnnotations.note=x", "nodeSelector.disk=ssd"]) {
    const after = await jobs("--set", set);
    assertEquals(after.filter((name) => before.includes(name)), [], set);
  }
});

test("a restart of PostgreSQL's pod leaves its data's permissions as PostgreSQL wants them", async () => {
  const { template } = find(await render("default"), "StatefulSet", "orderflow-postgres").spec;
  const { fsGroup, fsGroupChangePolicy } = template.spec.securityContext;
  assertEquals([fsGroup, fsGroupChangePolicy], [999, "OnRootMismatch"]);
});

test("Ingress and HTTPRoute lead the root of their hosts to the page's service", async () => {
  const rendered = await render("exposed");
  const service = find(rendered, "Service", "orderflow-analytics").spec;
  const ingress = find(rendered, "Ingress", "orderflow-analytics").spec;
  assertEquals(service.type, "ClusterIP");
  assertEquals(ingress, {
    ingressClassName: "nginx",
    tls: [{ secretName: "orders-tls", hosts: ["orders.example.com"] }],
    rules: [{
      host: "orders.example.com",
      http: {
        paths: [{
          path: "/",
          pathType: "Prefix",
          backend: { service: { name: "orderflow-analytics", port: { name: "http" } } },
        }],
      },
    }],
  });
  const route = find(rendered, "HTTPRoute", "orderflow-analytics").spec;
  assertEquals(route.parentRefs, [{ name: "public", namespace: "gateways", sectionName: "https" }]);
  assertEquals(route.hostnames, ["orders.example.com"]);
  assertEquals(route.rules, [{
    matches: [{ path: { type: "PathPrefix", value: "/" } }],
    backendRefs: [{ name: "orderflow-analytics", port: service.ports[0].port }],
  }]);
});

/** What a value needs of the cluster; `helm template` is told with --api-versions what one has. */
const NEEDED_APIS: Record<string, [api: string, set: string[], project: string]> = {
  "kafka.strimzi.enabled": ["kafka.strimzi.io/v1", [], "Strimzi"],
  "keda.enabled": ["keda.sh/v1alpha1", ["--set", "keda.enabled=true"], "KEDA"],
  "podMonitor.enabled": [
    "monitoring.coreos.com/v1",
    ["--set", "podMonitor.enabled=true"],
    "the Prometheus operator",
  ],
  "httpRoute.enabled": [
    "gateway.networking.k8s.io/v1",
    ["--set", "httpRoute.enabled=true,httpRoute.parentRefs[0].name=public"],
    "the Gateway API",
  ],
};

for (const [value, [api, set, project]] of Object.entries(NEEDED_APIS)) {
  test(`${value} on a cluster without ${api} says what to install`, async () => {
    const others = Object.values(NEEDED_APIS).map(([other]) => other).filter((it) => it !== api);
    const cluster = ["apiregistration.k8s.io/v1", ...others].flatMap((
      it,
    ) => ["--api-versions", it]);
    const without = await helmTemplate([...set, ...cluster]);
    assertEquals(without.code, 1);
    assertStringIncludes(
      without.stderr,
      `${value}: this cluster has no ${api}: install ${project}`,
    );
    const with_ = await helmTemplate([...set, ...cluster, "--api-versions", api]);
    assertEquals(with_.code, 0, with_.stderr);
    // Without a cluster nobody knows.
    assertEquals((await helmTemplate(set)).code, 0);
  });
}

test("what values do not ask for, a cluster need not have", async () => {
  const { code, stderr } = await helmTemplate([
    ...["--api-versions", "apiregistration.k8s.io/v1"],
    ...["--set", "kafka.strimzi.enabled=false,kafka.saslMechanism=none"],
    ...["--set", "kafka.bootstrapServers=kafka:9092,kafka.tls.enabled=false"],
  ]);
  assertEquals(code, 0, stderr);
});
