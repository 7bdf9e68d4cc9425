/** The alert rules and dashboards that the chart ships, and what metrics they ask for. */
import { assertEquals } from "@std/assert";
import { parse } from "yaml";
import { attempt } from "../kind/cluster.ts";
import { program } from "./skips.ts";

const FILES = new URL("../../charts/orderflow/files/", import.meta.url);

export const PROMTOOL = program(
  "promtool",
  "metrics, alert rules and dashboards",
  "it comes with Prometheus",
);

/** Runs promtool; whatever it finds is an error. */
export async function promtool(args: readonly string[], stdin = ""): Promise<void> {
  const { code, stdout, stderr } = await attempt(["promtool", ...args], { stdin });
  assertEquals(code, 0, `promtool ${args.join(" ")}\n${stdout}${stderr}`);
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string }[];
}

interface DashboardFile {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; definition?: string }[] };
}

export const RULES: readonly Rule[] = parse(
  Deno.readTextFileSync(new URL("prometheus-rules.yaml", FILES)),
).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);

export const DASHBOARDS = [...Deno.readDirSync(new URL("dashboards/", FILES))].map(({ name }) => {
  const text = Deno.readTextFileSync(new URL(`dashboards/${name}`, FILES));
  const { uid, panels, templating: { list } }: DashboardFile = JSON.parse(text);
  return {
    file: name,
    text,
    uid,
    panels,
    /** Of the panels, and those that fill its variables' lists. */
    queries: panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    variables: list.map(({ name }) => name),
    lists: list.flatMap(({ definition = [] }) => definition),
  };
}).toSorted((a, b) => a.file < b.file ? -1 : 1);

/** The metrics that a query of ours names: with labels, and what it compares each of them with. */
export function selectorsIn(query: string): { metric: string; labels: string[] }[] {
  const selector = /\b((?:orderflow|kafka|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;
  return [...query.matchAll(selector)].map(([, metric, labels = ""]) => ({
    metric: metric!,
    labels: [...labels.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(([, label]) => label!),
  }));
}

/** The labels that a query groups by. */
export function groupedBy(query: string): string[] {
  return [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/\s*,\s*/));
}

interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly isDeprecated: boolean;
  /** Which of them serve it. */
  readonly of: "processes" | "services" | "analytics";
}

/** The tables of docs/metrics.md: a section for each kind of process, a row for each metric. */
export function documentedMetrics(): DocumentedMetric[] {
  const page = Deno.readTextFileSync(new URL("../../docs/metrics.md", import.meta.url));
  const sections = { processes: "Every process", services: "Services", analytics: "Analytics" };
  return Object.entries(sections).flatMap(([of, heading]) => {
    const section = page.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
    const rows = section.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([^|]*)\| ([^|]*)\|$/gm);
    return [...rows].map(([, name, type, labels, meaning]) => ({
      name: name!,
      type: type!,
      labels: [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!),
      isDeprecated: meaning!.startsWith("Deprecated:"),
      of: of as DocumentedMetric["of"],
    }));
  });
}
