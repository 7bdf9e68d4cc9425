/**
 * What a running pipeline serves at /metrics, held against what is written about it: docs/metrics.md, the
 * alert rules and the dashboards.
 */
import { assertEquals } from "@std/assert";
import type { Run } from "../../local/run.ts";
import { until } from "../../runtime/until.ts";
import {
  DASHBOARDS,
  documentedMetrics,
  groupedBy,
  RULES,
  selectorsIn,
} from "../../testing/monitoring.ts";
import { CONSUMERS, type Service } from "../../topology.ts";

/** One metric of a scrape. */
interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Of its samples; empty as long as there are none. */
  readonly labels: Set<string>;
  /** All of its lines. */
  readonly text: string;
}

/** Labels that a scrape adds. */
const TARGET_LABELS = ["namespace", "job", "instance", "pod"];

/** What the oldest member of each service serves. */
export async function scrapeAll(run: Run): Promise<Map<Service, Family[]>> {
  const scrapes = CONSUMERS.map(async (service) => {
    const [member] = run.pipeline.members(service);
    const log = run.pipeline.logFile(member!.name);
    let url: string | undefined;
    await until(`${service} says where it serves`, () => {
      url = /(?:health and metrics at|figures at) (http:\/\/[^/\s]+)/.exec(
        Deno.readTextFileSync(log),
      )
        ?.[1];
      return url !== undefined;
    });
    let families: Family[] = [];
    await until(`${service} has samples`, async () => {
      families = familiesIn(await (await fetch(`${url}/metrics`)).text());
      // The groups' state is known half a second after the start.
      return service !== "analytics" ||
        families.find(({ name }) => name === "kafka_consumergroup_lag_seconds")!.labels.size > 0;
    });
    return [service, families] as const;
  });
  return new Map(await Promise.all(scrapes));
}

function familiesIn(text: string): Family[] {
  return text.split("\n\n").map((block) => {
    const [, name, help] = /^# HELP (\w+) (.*)$/m.exec(block)!;
    const [, type] = /^# TYPE \w+ (\w+)$/m.exec(block)!;
    const labels = [...block.matchAll(/[{,](\w+)="/g)].map(([, label]) => label!);
    return { name: name!, help: help!, type: type!, labels: new Set(labels), text: block };
  });
}

/** Without what is deprecated, which is as it was. */
export function currentText(families: readonly Family[]): string {
  const current = families.filter(({ help }) => !help.startsWith("Deprecated:"));
  return current.map(({ text }) => `${text.trim()}\n`).join("");
}

/** docs/metrics.md names every metric, with its type and its labels, and no other. */
export function assertDocumented(scrapes: ReadonlyMap<Service, readonly Family[]>): void {
  const documented = documentedMetrics();
  for (const [service, families] of scrapes) {
    const own = documented.filter(({ of }) =>
      of === "processes" || of === (service === "analytics" ? "analytics" : "services")
    );
    const known = new Map(own.map((metric) => [metric.name, metric]));
    const names = families.map(({ name }) => name).toSorted();
    assertEquals(names, [...known.keys()].toSorted(), service);
    for (const { name, type, help, labels } of families) {
      const metric = known.get(name)!;
      assertEquals(type, metric.type, name);
      assertEquals(help.startsWith("Deprecated:"), metric.isDeprecated, name);
      if (labels.size === 0) continue;
      const told = [...labels].filter((label) => !["service", "le"].includes(label));
      const expected = metric.labels.filter((label) => label !== "service");
      assertEquals(told.toSorted(), expected.toSorted(), name);
    }
  }
}

/** Every metric that a rule or a dashboard names is there, and has the labels that it is asked for. */
export function assertServed(scrapes: ReadonlyMap<Service, readonly Family[]>): void {
  const series = new Map<string, Set<string>>();
  for (const { name, type, labels } of [...scrapes.values()].flat()) {
    const names = type === "histogram"
      ? ["bucket", "sum", "count"].map((part) => `${name}_${part}`)
      : [name];
    for (const each of names) series.set(each, labels.union(series.get(each) ?? new Set()));
  }
  const unknown: string[] = [];
  const queries = [
    ...RULES.map(({ alert, expr }) => [alert, expr] as const),
    ...DASHBOARDS.flatMap(({ file, queries, lists }) =>
      [...queries, ...lists].map((query) => [file, query] as const)
    ),
  ];
  for (const [of, query] of queries) {
    const selectors = selectorsIn(query);
    if (selectors.length === 0) unknown.push(`${of}: no metric in ${query}`);
    for (const { metric, labels } of selectors) {
      const known = series.get(metric);
      if (!known) unknown.push(`${of}: ${metric}`);
      // Without samples it has shown no labels yet.
      else if (known.size > 1) {
        const has = known.union(new Set(TARGET_LABELS));
        for (const label of [...labels, ...groupedBy(query)]) {
          if (!has.has(label)) unknown.push(`${of}: ${metric} has no label ${label}`);
        }
      }
    }
  }
  assertEquals(unknown, []);
}
