/** That the chart knows the topology's services, without helm. */
import { CONSUMERS, DEFAULT_PARTITIONS } from "../../src/topology.ts";
import { assert, assertEquals } from "@std/assert";
import { chartTopology, TOPOLOGY_FILE, writeTopology } from "../make_topology.ts";
import { parseAll, VALUES_FILE } from "./helm.ts";

Deno.test("topology.yaml: is what deno task chart:topology makes of src/topology.ts", () => {
  const text = Deno.readTextFileSync(TOPOLOGY_FILE);
  assert(text === chartTopology(), "run deno task chart:topology, and commit the file");
});

Deno.test("values.yaml: has the default number of partitions, and one entry for each service that consumes", () => {
  const [values] = parseAll(Deno.readTextFileSync(VALUES_FILE)) as unknown as [
    { consumers: Record<string, unknown>; topics: { partitions: number } },
  ];
  assertEquals(values.topics.partitions, DEFAULT_PARTITIONS);
  const entries = Object.keys(values.consumers);
  const faults = [
    ...CONSUMERS.filter((service) => !entries.includes(service))
      .map((service) => `consumers has no ${service}: add the line "  ${service}: { env: {} }"`),
    ...entries.filter((entry) => !CONSUMERS.some((service) => service === entry))
      .map((entry) => `consumers has ${entry}, which src/topology.ts does not: remove it`),
  ];
  assert(faults.length === 0, `charts/orderflow/values.yaml:\n${faults.join("\n")}`);
});

Deno.test("writeTopology: says what it wrote, or that nothing changed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = new URL(`file://${folder}/topology.yaml`);
    const said = ["a", "a", "b"].map((text) => writeTopology(file, text));
    const [written, same] = ["written", "is up to date"].map((what) =>
      `charts/orderflow/topology.yaml ${what}`
    );
    assertEquals(said, [written, same, written]);
    assertEquals(await Deno.readTextFile(file), "b");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
