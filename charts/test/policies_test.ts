import { assert, assertEquals } from "@std/assert";
import { PROCESSORS } from "../../src/topology.ts";
import { lacks } from "../../src/testing/skips.ts";
import { find, HELM, podsOf, render } from "./helm.ts";

/** Who may be reached from a component's pods. */
const REACHES: Record<string, string[]> = {
  ...Object.fromEntries(PROCESSORS.map((service) => [service, ["dns", "database", "kafka"]])),
  simulator: ["dns", "database", "kafka"],
  "simulator-job": ["dns", "database", "kafka"],
  audit: ["dns", "database", "kafka"],
  analytics: ["dns", "kafka"],
  dlq: ["dns", "kafka"],
  seed: ["dns", "database"],
  topics: ["dns", "kafka"],
  postgres: ["dns"],
};

interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: "NotIn"; values: string[] }[];
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values }) => !values.includes(labels[key] ?? ""));
}
type Labels = Readonly<Record<string, string>>;

Deno.test({
  name:
    "NetworkPolicies: a pod reaches Kafka, its database and DNS, and nobody but who should reaches it",
  ignore: lacks(HELM),
}, async () => {
  const rendered = await render("three-brokers");
  const reached: Record<string, string[]> = {};
  for (const resources of [rendered, await render("other-kafka")]) {
    const policies = resources.filter(({ kind }) => kind === "NetworkPolicy");
    for (const { name, metadata } of podsOf(resources)) {
      const labels = metadata.labels!;
      const component = labels["app.kubernetes.io/component"]!;
      const mine = policies.filter(({ spec }) => selects(spec.podSelector, labels));
      assert(mine.some(({ metadata }) => metadata.name === "orderflow-default-deny"), name);
      reached[component] = mine.filter(({ spec }) => spec.egress)
        .map(({ metadata }) => metadata.name.replace(/^orderflow-(to-)?/, "")).toSorted();
      const entered = mine.filter(({ spec }) => spec.ingress).map(({ metadata }) => metadata.name);
      const open = ["analytics", "postgres"].includes(component) ? [`orderflow-${component}`] : [];
      assertEquals(entered, open, name);
    }
  }
  assertEquals(
    reached,
    Object.fromEntries(Object.entries(REACHES).map(([who, whom]) => [who, whom.toSorted()])),
  );
  const { egress: [kafka] } = find(rendered, "NetworkPolicy", "orderflow-to-kafka").spec;
  assertEquals(kafka.to[0].podSelector.matchLabels, {
    "strimzi.io/cluster": "orderflow",
    "strimzi.io/kind": "Kafka",
  });
  // A name server may be anywhere: on the node, or in a namespace of any name.
  const { egress: [dns] } = find(rendered, "NetworkPolicy", "orderflow-dns").spec;
  assertEquals(dns, {
    ports: [53, 5353].flatMap((port) => [{ protocol: "UDP", port }, { protocol: "TCP", port }]),
  });
  // The database lets in those whom their own policy lets out, and no others.
  const { ingress: [{ from }] } = find(rendered, "NetworkPolicy", "orderflow-postgres").spec;
  const toDatabase = find(rendered, "NetworkPolicy", "orderflow-to-database").spec;
  assertEquals(from, [{ podSelector: toDatabase.podSelector }]);
});

Deno.test({
  name: "NetworkPolicies: payment, and nobody else, reaches the provider that GATEWAY_URL names",
  ignore: lacks(HELM),
}, async () => {
  const name = "orderflow-to-gateway";
  const without = await render("default");
  assert(!without.some(({ metadata }) => metadata.name === name));
  const rendered = await render("default", [
    ...["--set", "env.GATEWAY_URL=https://pay.example"],
    ...["--set", "networkPolicy.gatewayTo[0].ipBlock.cidr=192.0.2.0/24"],
  ]);
  const { spec } = find(rendered, "NetworkPolicy", name);
  assertEquals(spec.egress, [{
    ports: [{ protocol: "TCP", port: 443 }],
    to: [{ ipBlock: { cidr: "192.0.2.0/24" } }],
  }]);
  const pods = podsOf(rendered);
  const components = pods.filter(({ metadata }) => selects(spec.podSelector, metadata.labels!))
    .map(({ metadata }) => metadata.labels!["app.kubernetes.io/component"]);
  assertEquals(components, ["payment"]);
  // The audit has to know that the provider's ledger is elsewhere.
  for (const task of ["payment", "audit"]) {
    const { pod } = pods.find(({ pod }) => pod.containers[0].args?.[0] === task)!;
    const url = pod.containers[0].env.find((one: { name: string }) => one.name === "GATEWAY_URL");
    assertEquals(url?.value, "https://pay.example", task);
  }
});
