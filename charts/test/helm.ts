/** Renders the chart as `helm install` would, without a cluster. */
import { parseAllDocuments } from "yaml";
import { attempt, type CommandResult } from "../../src/kind/cluster.ts";
import { program } from "../../src/testing/skips.ts";

export const CHART = new URL("../orderflow/", import.meta.url).pathname;
export const VALUES_FILE = `${CHART}values.yaml`;

/** Values that the tests render with; each is a file in the chart's folder `ci`. */
export const CASES = [
  "default",
  "three-brokers",
  "keda",
  "external-database",
  "other-kafka",
  "exposed",
  "minimal",
] as const;
export type Case = typeof CASES[number];

/** A Kubernetes object; what is in it depends on its kind. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // deno-lint-ignore no-explicit-any
  readonly spec: any;
  /** A PodTemplate's, instead of a `spec`. */
  // deno-lint-ignore no-explicit-any
  readonly template?: any;
  readonly data?: Readonly<Record<string, string>>;
}

/** What most tests of the chart need. */
export const HELM = program("helm", "the Helm chart", "install Helm 4");

/** @param args such as `--set image.tag=x` */
export function helmTemplate(args: readonly string[]): Promise<CommandResult> {
  return attempt(["helm", "template", "orderflow", CHART, "--namespace", "orderflow", ...args]);
}

export const valuesOf = (name: Case) => ["--values", `${CHART}ci/${name}-values.yaml`];

/** The manifests of a case, as text. */
export async function renderText(name: Case, args: readonly string[] = []): Promise<string> {
  const { code, stdout, stderr } = await helmTemplate([...valuesOf(name), ...args]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** What helm says after an installation. */
export async function renderNotes(name: Case, args: readonly string[] = []): Promise<string> {
  const install = ["install", "orderflow", CHART, "--namespace", "orderflow", "--dry-run=client"];
  const { code, stdout, stderr } = await attempt(["helm", ...install, ...valuesOf(name), ...args]);
  if (code !== 0) throw new Error(stderr);
  return stdout.slice(stdout.indexOf("NOTES:"));
}

export async function render(name: Case, args: readonly string[] = []): Promise<Resource[]> {
  return parseAll(await renderText(name, args));
}

export function parseAll(text: string): Resource[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() ?? [];
  });
}

/** The resource of this kind and name. */
export function find(resources: readonly Resource[], kind: string, name: string): Resource {
  const found = resources.find((r) => r.kind === kind && r.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** All pods that a render would make, by the name of what makes them. */
export function podsOf(resources: readonly Resource[]) {
  return resources.flatMap(({ kind, metadata, spec, template }) => {
    const name = `${kind} ${metadata.name}`;
    switch (kind) {
      case "PodTemplate":
        return [{ name, metadata: template!.metadata, pod: template!.spec }];
      case "Pod":
        return [{ name, metadata, pod: spec }];
      case "CronJob":
        return [{ name, ...templateOf(spec.jobTemplate.spec) }];
      case "Deployment":
      case "StatefulSet":
      case "Job":
        return [{ name, ...templateOf(spec) }];
      default:
        return [];
    }
  });
}

// deno-lint-ignore no-explicit-any
function templateOf({ template }: any) {
  return { metadata: template.metadata as Resource["metadata"], pod: template.spec };
}
