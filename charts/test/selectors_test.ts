/**
 * That nothing selects Strimzi's pods: they lie in the same namespace, and carry the labels
 * `app.kubernetes.io/…`, too; their `instance` is the name of the cluster, which may be the release's.
 */
import { assert, assertEquals } from "@std/assert";
import { OURS } from "../../src/kind/settings.ts";
import { lacks } from "../../src/testing/skips.ts";
import { CASES, find, HELM, podsOf, render, renderNotes } from "./helm.ts";

type Labels = Readonly<Record<string, string>>;

/** The labels that Strimzi gives to pods of a cluster that is called like the release, by their `name`. */
function strimziPods(cluster: string): Labels[] {
  const pod = (name: string, kind: string, of: string): Labels => ({
    "app.kubernetes.io/instance": of,
    "app.kubernetes.io/managed-by": "strimzi-cluster-operator",
    "app.kubernetes.io/name": name,
    "app.kubernetes.io/part-of": `strimzi-${of}`,
    "strimzi.io/cluster": of,
    "strimzi.io/component-type": name,
    "strimzi.io/kind": kind,
    "strimzi.io/name": `${of}-${name}`,
  });
  const names = ["kafka", "entity-operator", "cruise-control", "kafka-exporter"];
  return [
    ...names.map((name) => pod(name, "Kafka", cluster)),
    pod("kafka-connect", "KafkaConnect", cluster),
    // Its operator, as Strimzi's own chart installs it.
    { name: "strimzi-cluster-operator", "strimzi.io/kind": "cluster-operator" },
  ];
}

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      switch (operator) {
        case "In":
          return values.includes(labels[key] ?? "");
        case "NotIn":
          return !values.includes(labels[key] ?? "");
        case "Exists":
          return key in labels;
        case "DoesNotExist":
          return !(key in labels);
        default:
          throw new Error(`unknown operator ${operator}`);
      }
    });
}

/** All selectors of a manifest, with where they stand; a Service's is a bare map of labels. */
function* selectorsIn(value: unknown, path: string): Generator<[string, Selector]> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, field] of Object.entries(value)) {
    const at = `${path}.${key}`;
    // Brokers are meant there.
    if (/^NetworkPolicy .*-to-kafka\.spec\.egress\b/.test(at)) continue;
    if (/selector$/i.test(key) && key !== "nodeSelector" && key !== "namespaceSelector") {
      const isBare = !("matchLabels" in field) && !("matchExpressions" in field);
      yield [at, isBare ? { matchLabels: field } : field];
    } else {
      yield* selectorsIn(field, at);
    }
  }
}

/** What `-l` and its like say in a command; undefined: a word of another program's. */
function parseSelector(text: string): Selector {
  const matchExpressions = [];
  const matchLabels: Record<string, string> = {};
  for (const [, key, operator, list, value] of text.matchAll(TERM)) {
    if (value !== undefined) matchLabels[key!] = value;
    else {
      const values = list!.split(",").map((word) => word.trim());
      matchExpressions.push({ key: key!, operator: operator === "in" ? "In" : "NotIn", values });
    }
  }
  return { matchLabels, matchExpressions };
}
const TERM = /([\w./-]+)(?:\s+(in|notin)\s+\(([^)]*)\)|=([\w.-]+))/g;

/** The selectors of the kubectl commands in a text. */
function commandSelectors(text: string): string[] {
  const option = /(?:\s-l\s+|--(?:pod-)?selector[= ])('[^']*'|"[^"]*"|`[^`]*`|[^\s`]+)/g;
  return [...text.matchAll(option)].map(([, selector]) => selector!.replaceAll(/['"`]/g, ""));
}

const RELEASES = [[], ["--set", "nameOverride=kafka"], ["--set", "kafka.clusterName=shared"]];

for (const name of CASES) {
  Deno.test({
    name: `selectors, ${name}: each matches pods of ours, or none, and never Strimzi's`,
    ignore: lacks(HELM),
    async fn() {
      for (const args of RELEASES) {
        const rendered = await render(name, args);
        const pods = podsOf(rendered).map(({ metadata }) => metadata.labels!);
        const selectors = rendered.flatMap((resource) => [
          ...selectorsIn(resource, `${resource.kind} ${resource.metadata.name}`),
        ]);
        assert(selectors.length > 10);
        for (const [at, selector] of selectors) {
          const foreign = strimziPods("orderflow").filter((labels) => selects(selector, labels));
          assertEquals(foreign, [], `${at}, ${args}`);
          assert(pods.some((labels) => selects(selector, labels)), `${at} selects nothing`);
        }
      }
    },
  });
}

Deno.test({
  name: "selectors: the release's name alone would match Strimzi's",
  fn() {
    const found = (text: string) =>
      strimziPods("orderflow").filter((labels) => selects(parseSelector(text), labels)).length;
    assertEquals(found("app.kubernetes.io/instance=orderflow"), 5);
    assertEquals(found("app.kubernetes.io/instance=orderflow,app.kubernetes.io/name=orderflow"), 0);
    assertEquals(found("app.kubernetes.io/component notin (postgres, seed)"), 6);
    assertEquals(found("app.kubernetes.io/name in (kafka, orderflow)"), 1);
  },
});

Deno.test({
  name: "commands in the docs, the notes and the kind tasks select no pods of Strimzi's",
  ignore: lacks(HELM),
  async fn() {
    const project = new URL("../../", import.meta.url);
    const folders = ["docs/", "deploy/strimzi/", "src/kind/", "charts/orderflow/"];
    const files = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];
    for (const folder of folders) {
      for (const { name, isFile } of Deno.readDirSync(new URL(folder, project))) {
        if (isFile && /\.(md|ts|yaml)$/.test(name)) files.push(`${folder}${name}`);
      }
    }
    const texts = new Map(
      files.map((file) => [file, Deno.readTextFileSync(new URL(file, project))]),
    );
    texts.set("NOTES.txt", await renderNotes("default"));
    const commands = [...texts].flatMap(([file, text]) =>
      commandSelectors(text).map((selector) => ({ file, selector }))
    );
    for (const file of ["NOTES.txt", "docs/kubernetes.md", "charts/orderflow/README.md"]) {
      assert(commands.some((command) => command.file === file), `${file}: no command is found`);
    }
    for (const { file, selector } of commands) {
      // Who asks for Strimzi's by its own label means it.
      if (/^\$\{|^[A-Z]+$|^selector|^strimzi\.io\//.test(selector)) continue;
      for (const labels of strimziPods("orderflow")) {
        assert(!selects(parseSelector(selector), labels), `${file}: ${selector}`);
      }
    }
    // What the kind tasks put into theirs.
    assert(strimziPods("orderflow").every((labels) => !selects(parseSelector(OURS), labels)));
    const { selector } = find(await render("default"), "Deployment", "orderflow-validator").spec;
    assert(selects(parseSelector(OURS), selector.matchLabels), OURS);
  },
});
