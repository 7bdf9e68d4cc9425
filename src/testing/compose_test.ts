/** That compose.yaml says the same as the topology, the tasks, the settings and the embedded Kafka. */
import { assert, assertEquals } from "@std/assert";
import { parse } from "yaml";
import project from "../../deno.json" with { type: "json" };
import { KAFKA_VERSION } from "../local/kafka/jars.ts";
import { serverSettings } from "../local/kafka/server_settings.ts";
import { SERVICES } from "./services.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => parse(Deno.readTextFileSync(new URL(path, ROOT)), { merge: true });

interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
}

const containers: Readonly<Record<string, Container>> = read("compose.yaml").services;
const ours = Object.entries(containers).filter(([, { image }]) => image === "orderflow:dev");

Deno.test("compose.yaml: every service of the topology runs its task", () => {
  for (const service of SERVICES) assertEquals(containers[service]?.command?.[0], service);
  const tasks = Object.keys(project.tasks);
  for (const [name, { command }] of ours) assert(tasks.includes(command![0]!), name);
});

Deno.test("compose.yaml: every setting is one of .env.example, or of tracing", () => {
  const known = Deno.readTextFileSync(new URL(".env.example", ROOT));
  for (const [name, { environment = {} }] of ours) {
    const strangers = Object.keys(environment)
      .filter((setting) => !setting.startsWith("OTEL_"))
      .filter((setting) => !new RegExp(`^#? ?${setting}=`, "m").test(known));
    assertEquals(strangers, [], name);
  }
});

Deno.test("compose.yaml: its Kafka is of the embedded one's version, and has its settings", () => {
  const { image, environment = {} } = containers.kafka!;
  assertEquals(image, `apache/kafka:${KAFKA_VERSION}`);
  const ports = { client: 1, advertised: 1, controller: 2, replication: 0 };
  const embedded = serverSettings({
    nodeId: 1,
    nodes: [ports],
    listenAddress: "0.0.0.0",
    logDirectory: "/var/lib/kafka/data",
  });
  // The image's name for a setting.
  const named = new Map(
    Object.entries(embedded).map((
      [key, value],
    ) => [`KAFKA_${key.replaceAll(".", "_").toUpperCase()}`, value]),
  );
  const differing = Object.entries(environment)
    .filter(([name]) => !/LISTENER|VOTERS|HEAP_OPTS/.test(name))
    .filter(([name, value]) => named.get(name) !== String(value));
  assertEquals(differing, []);
});

Deno.test("compose.yaml: what it opens is open to this machine alone, and images have a version", () => {
  for (const [name, { image, ports = [] }] of Object.entries(containers)) {
    for (const port of ports) assert(port.startsWith("127.0.0.1:"), `${name}: ${port}`);
    assert(/:v?\d|:dev$/.test(image), `${name}: ${image}`);
  }
  assertEquals(containers.postgres!.image, read("charts/orderflow/values.yaml").postgres.image);
});

Deno.test("compose.yaml: Prometheus asks every service that serves metrics", () => {
  const [{ dns_sd_configs: [{ names }] }] = read("deploy/compose/prometheus.yaml").scrape_configs;
  assertEquals(names.toSorted(), SERVICES.filter((name) => name !== "simulator").toSorted());
});
