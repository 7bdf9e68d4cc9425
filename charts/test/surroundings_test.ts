/** What stands round the chart: kind's cluster and Strimzi's, which it counts on. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { STRIMZI } from "../../src/kind/strimzi.ts";
import { lacks } from "../../src/testing/skips.ts";
import { type Case, CHART, find, HELM, parseAll, render } from "./helm.ts";

const project = (file: string) => Deno.readTextFileSync(`${CHART}../../${file}`);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: lacks(HELM), fn });
}

test("kind-config.yaml leads the dashboard's port to 8080 of the host's loopback", async () => {
  const [{ nodes }] = parseAll(project("kind-config.yaml")) as unknown as [{ nodes: Node[] }];
  interface Node {
    role: string;
    image: string;
    extraPortMappings?: unknown[];
  }
  const values = ["--values", `${CHART}../../deploy/kind/values.yaml`];
  const rendered = await render("default", values);
  const { type, ports: [port] } = find(rendered, "Service", "orderflow-analytics").spec;
  assertEquals(type, "NodePort");
  assertEquals(nodes.map(({ role }) => role), ["control-plane", "worker", "worker"]);
  assertEquals(nodes[0]!.extraPortMappings, [
    { containerPort: port.nodePort, hostPort: 8080, listenAddress: "127.0.0.1" },
  ]);
  assertEquals(new Set(nodes.map(({ image }) => image)).size, 1);
});

test("deploy/strimzi: the cluster, listener and copies are those that the chart counts on", async () => {
  for (const [file, name] of [["kafka", "default"], ["three-brokers/kafka", "three-brokers"]]) {
    const manifests = parseAll(project(`deploy/strimzi/${file}.yaml`));
    const { spec } = find(manifests, "Kafka", "orderflow");
    const pool = find(manifests, "KafkaNodePool", "dual-role");
    const rendered = await render(name as Case);
    const [namespace] = parseAll(project("deploy/strimzi/namespace.yaml"));
    assertEquals(pool.metadata.namespace, namespace!.metadata.name);
    assertEquals(pool.metadata.labels?.["strimzi.io/cluster"], "orderflow");
    const [listener] = spec.kafka.listeners;
    assertEquals(
      { tls: listener.tls, type: listener.authentication.type, port: listener.port },
      { tls: true, type: "scram-sha-512", port: 9093 },
    );
    const topic = find(rendered, "KafkaTopic", "orders.raw").spec;
    assertEquals(topic.replicas, pool.spec.replicas);
    const { config } = spec.kafka;
    assertEquals(topic.config["min.insync.replicas"], config["min.insync.replicas"]);
    assertEquals(config["transaction.state.log.replication.factor"], pool.spec.replicas);
    const image = STRIMZI.images.find((name) => name.startsWith("quay.io/strimzi/kafka:"));
    assertStringIncludes(image!, `-kafka-${spec.kafka.version}`);
    const [release] = spec.kafka.metadataVersion.split("-");
    assertStringIncludes(spec.kafka.version, `${release}.`);
  }
});
