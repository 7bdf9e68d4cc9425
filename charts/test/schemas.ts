/**
 * JSON schemas of all kinds that the chart and deploy/strimzi use, strict (an unknown field is a fault),
 * for kubeconform: made from what Kubernetes, Strimzi, KEDA and others publish of themselves, since the schemas that kubeconform fetches know no Strimzi.
 */
import { attempt } from "../../src/kind/cluster.ts";
import { KEDA, moduleFolder } from "../../src/testing/go_module.ts";
import { CHART, parseAll } from "./helm.ts";

/** The version of kind-config.yaml. */
const KUBERNETES = "k8s.io/kubernetes@v1.36.1";
const STRIMZI_CHART = "oci://quay.io/strimzi-helm/strimzi-kafka-operator";
const STRIMZI_VERSION = "1.2.0";
const CRDS_IN_MODULES = [
  {
    module: KEDA,
    files: ["scaledobjects", "triggerauthentications"].map((kind) =>
      `config/crd/bases/keda.sh_${kind}.yaml`
    ),
  },
  {
    module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    files: ["podmonitors", "prometheusrules"].map((kind) =>
      `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`
    ),
  },
  {
    module: "sigs.k8s.io/gateway-api@v1.5.0",
    files: ["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"],
  },
];

interface Schema {
  readonly [keyword: string]: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
}

/**
 * Strimzi's resource definitions: the YAML files in the folder STRIMZI_CRDS, or else those in the
 * operator's chart.
 */
async function strimziDefinitions(): Promise<string> {
  const folder = Deno.env.get("STRIMZI_CRDS");
  if (folder) {
    const files = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".yaml"));
    return files.map(({ name }) => Deno.readTextFileSync(`${folder}/${name}`)).join("\n---\n");
  }
  const show = ["show", "crds", STRIMZI_CHART, "--version", STRIMZI_VERSION];
  const { code, stdout, stderr } = await attempt(["helm", ...show]);
  if (code !== 0) {
    throw new Error(
      "Strimzi's resource definitions cannot be fetched; without a network, set STRIMZI_CRDS to a " +
        `folder with them: ${stderr}`,
    );
  }
  return stdout;
}

/** What the OpenAPI of Kubernetes says in its own words, as JSON schema says it; strict. */
function strict(schema: Schema): Schema {
  const result: Record<string, unknown> = { ...schema };
  if (schema.format === "int-or-string" || schema["x-kubernetes-int-or-string"]) {
    delete result.format;
    delete result.anyOf;
    result.type = ["integer", "string"];
  }
  const { properties, items, additionalProperties } = schema;
  if (properties) {
    result.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, strict(property)]),
    );
    if (additionalProperties === undefined && !schema["x-kubernetes-preserve-unknown-fields"]) {
      result.additionalProperties = false;
    }
  }
  if (items) result.items = strict(items);
  if (typeof additionalProperties === "object") {
    result.additionalProperties = strict(additionalProperties);
  }
  return result;
}

/** As kubeconform names the file of a kind: `deployment-apps-v1.json`. */
function fileOf(kind: string, group: string, version: string): string {
  const [first] = group.split(".");
  return `${[kind.toLowerCase(), ...first ? [first] : [], version].join("-")}.json`;
}

/** @returns the pattern of file names for kubeconform's option `-schema-location` */
export async function writeSchemas(folder: string): Promise<string> {
  const write = (file: string, schema: unknown) =>
    Deno.writeTextFileSync(`${folder}/${file}`, JSON.stringify(schema));

  const source = `${await moduleFolder(KUBERNETES)}/api/openapi-spec/swagger.json`;
  const { definitions } = JSON.parse(await Deno.readTextFile(source));
  const all: Record<string, Schema> = Object.fromEntries(
    Object.entries(definitions as Record<string, Schema>)
      .map(([name, schema]) => [name, strict(schema)]),
  );
  // A quantity may be written as a number, too.
  all["io.k8s.apimachinery.pkg.api.resource.Quantity"] = { type: ["string", "number"] };
  for (const [name, schema] of Object.entries(all)) {
    const kinds = schema["x-kubernetes-group-version-kind"] as
      | { group: string; version: string; kind: string }[]
      | undefined;
    if (kinds?.length !== 1) continue;
    const { kind, group, version } = kinds[0]!;
    const needed = reachable(name, all);
    write(fileOf(kind, group, version), { $ref: `#/definitions/${name}`, definitions: needed });
  }

  const definitionTexts = [await strimziDefinitions()];
  for (const { module, files } of CRDS_IN_MODULES) {
    const directory = await moduleFolder(module);
    definitionTexts.push(...files.map((file) => Deno.readTextFileSync(`${directory}/${file}`)));
  }
  for (const { spec } of definitionTexts.flatMap((text) => parseAll(text))) {
    for (const { name, schema } of spec.versions) {
      const { properties, ...rest } = strict(schema.openAPIV3Schema);
      // Every object has these, but not every definition says so.
      const common = { apiVersion: {}, kind: {}, metadata: { type: "object" } };
      write(fileOf(spec.names.kind, spec.group, name), {
        ...rest,
        properties: { ...properties, ...common },
      });
    }
  }
  return `${folder}/{{ .ResourceKind }}{{ .KindSuffix }}.json`;
}

/** The definitions that one refers to, directly or through others, and itself. */
function reachable(name: string, all: Readonly<Record<string, Schema>>): Record<string, Schema> {
  const found: Record<string, Schema> = {};
  const visit = (name: string) => {
    if (name in found) return;
    const schema = found[name] = all[name]!;
    for (const [, next] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) {
      visit(next!);
    }
  };
  visit(name);
  return found;
}

/** The manifests of deploy/strimzi that are for `kubectl apply`. */
export const STRIMZI_MANIFESTS = ["namespace.yaml", "kafka.yaml", "three-brokers/kafka.yaml"]
  .map((file) => `${CHART}../../deploy/strimzi/${file}`);
