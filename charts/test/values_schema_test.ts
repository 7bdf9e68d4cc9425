import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lacks } from "../../src/testing/skips.ts";
import { CHART, HELM, helmTemplate, parseAll, run, VALUES_FILE, valuesOf } from "./helm.ts";

/** What must be refused: options of helm, and what its message has to name. */
const REFUSED: Record<string, [string[], string]> = {
  "a value that there is not": [["--set", "imagee.tag=x"], "imagee"],
  "one in a known place": [["--set", "image.tagg=x"], "tagg"],
  "a consumer that there is not": [
    ["--set", "consumers.shipping.replicas=1"],
    "consumers.shipping: there is no such service, only validator, ",
  ],
  "a field of a consumer that there is not": [
    ["--set", "consumers.validator.replica=1"],
    "replica",
  ],
  "a negative number of replicas": [["--set", "consumers.validator.replicas=-1"], "replicas"],
  "no partitions": [["--set", "topics.partitions=0"], "partitions"],
  "a word for a number": [["--set", "topics.partitions=many"], "partitions"],
  "a pull policy that there is not": [["--set", "image.pullPolicy=Sometimes"], "pullPolicy"],
  "an address without a port": [["--set", "kafka.bootstrapServers=kafka"], "bootstrapServers"],
  "an IPv6 address without brackets": [
    ["--set", "kafka.bootstrapServers=::1:9092"],
    "bootstrapServers",
  ],
  "a mechanism that there is not": [["--set", "kafka.saslMechanism=gssapi"], "saslMechanism"],
  "a prefix that is no resource's name": [["--set", "kafka.topicPrefix=EU_"], "topicPrefix"],
  "a node port out of range": [["--set", "service.nodePort=8080"], "nodePort"],
  "the database as a setting": [["--set", "env.DATABASE_URL=postgres://x"], "DATABASE_URL"],
  "a setting in lower case": [["--set", "env.logLevel=debug"], "logLevel"],
  "a quantity that is none": [["--set", "resources.limits.memory=plenty"], "memory"],
  "a drain that is too short": [["--set", "drainTimeoutMs=10"], "drainTimeoutMs"],
  "a lag that markers alone make up": [["--set", "keda.lagThreshold=1"], "lagThreshold"],
  "a peer with a fault": [["--set", "networkPolicy.kafkaTo[0].ip=10.0.0.1"], "ip"],
  "more replicas than partitions": [
    ["--set", "keda.enabled=true,keda.maxReplicas=13"],
    "keda.maxReplicas: 13 is more than topics.partitions, 12",
  ],
  "fewer replicas at most than at least": [
    ["--set", "keda.enabled=true,keda.minReplicas=7"],
    "keda.maxReplicas: 6 is less than keda.minReplicas, 7",
  ],
};

for (const [what, [options, name]] of Object.entries(REFUSED)) {
  Deno.test({
    name: `values: refuses ${what}`,
    ignore: lacks(HELM),
    async fn() {
      const { code, stderr } = await helmTemplate(options);
      assertEquals(code, 1);
      assertStringIncludes(stderr, name);
    },
  });
}

interface Described {
  description?: string;
  $ref?: string;
  type?: string;
  additionalProperties?: unknown;
  properties?: Record<string, Described>;
}

const schema: Described & { definitions: Record<string, Described> } = JSON.parse(
  Deno.readTextFileSync(`${CHART}values.schema.json`),
);

function* allProperties(
  { properties = {} }: Described,
  path: string,
): Generator<[string, Described]> {
  for (const [name, property] of Object.entries(properties)) {
    yield [`${path}${name}`, property];
    yield* allProperties(property, `${path}${name}.`);
  }
}

Deno.test("values.schema.json: describes every value, and leaves none open", () => {
  const described = [
    ...allProperties(schema, ""),
    ...Object.entries(schema.definitions).flatMap(([name, d]) => [...allProperties(d, `${name}:`)]),
  ];
  for (const [path, property] of described) {
    assert(property.description, `${path} has no description`);
    if (property.properties) assertEquals(property.additionalProperties, false, path);
    const isOpen = property.additionalProperties === undefined;
    assert(property.type !== "object" || !isOpen, `${path} takes anything`);
  }
});

Deno.test("values.yaml: has every value of the schema but the simulator's replicas and resources", () => {
  const [values] = parseAll(Deno.readTextFileSync(VALUES_FILE));
  const has = (path: string) =>
    // deno-lint-ignore no-explicit-any
    path.split(".").reduce((at: any, name) => at?.[name], values) !== undefined;
  const absent = [...allProperties(schema, "")].map(([path]) => path).filter((path) => !has(path));
  assertEquals(absent, ["simulator.replicas", "simulator.resources"]);
});

Deno.test({ name: "helm lint --strict: nothing to say", ignore: lacks(HELM) }, async () => {
  for (const name of ["default", "keda"] as const) {
    const { code, stdout } = await run(["helm", "lint", "--strict", CHART, ...valuesOf(name)]);
    assertEquals(code, 0, stdout);
    assert(!/\[(WARNING|ERROR)\]/.test(stdout), stdout);
  }
});
