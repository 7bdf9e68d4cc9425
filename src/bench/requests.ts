/**
 * Which requests a broker has answered so far, by its own counters (`RequestMetrics`). Kafka's JmxTool
 * reads them, by an address that the JVM offers on this machine alone when `jcmd`, a part of the JDK,
 * asks it to: the broker runs as always.
 */
import { dirname, join } from "node:path";
import type { Cluster } from "../local/kafka/cluster.ts";
import { findJava } from "../local/kafka/jars.ts";
import { run } from "../local/kafka/shell.ts";
import type { Figure } from "./figures.ts";

export interface Requests {
  readonly atMs: number;
  /** By kind, such as `Fetch`. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Each of them is counted as a Fetch, too. */
const KINDS_OF_FETCH = ["FetchConsumer", "FetchFollower"];

const BEANS = "kafka.network:type=RequestMetrics,name=RequestsPerSec,*";

/** undefined where the JVM cannot be asked: it runs in a container, or there is no `jcmd`. */
export async function openRequestCounter(
  cluster: Cluster,
): Promise<(() => Promise<Requests>) | undefined> {
  const { command } = await findJava().catch(() => ({ command: "java" }));
  const jcmd = (...args: string[]) =>
    run([join(dirname(command), "jcmd"), String(cluster.nodes[0]!.pid), ...args]);
  await jcmd("ManagementAgent.start_local");
  const { stdout } = await jcmd("PerfCounter.print");
  const address = /JMXConnectorServer(?:\.\d+)?\.address="([^"]+)"/.exec(stdout)?.[1];
  if (address === undefined) return undefined;
  const args = ["--jmx-url", address, "--object-name", BEANS, "--attributes", "Count"];
  return async () =>
    parseRequests(
      await cluster.runTool("org.apache.kafka.tools.JmxTool", [
        ...args,
        ...["--one-time", "--report-format", "properties"],
      ]),
    );
}

/** `time=…`, then `kafka.network:…,request=Fetch,version=17:Count=12` in lines. */
export function parseRequests(printed: string): Requests {
  const counts = new Map<string, number>();
  for (const [, kind, count] of printed.matchAll(/request=(\w+)[^\n]*:Count=(\d+)/g)) {
    if (KINDS_OF_FETCH.includes(kind!)) continue;
    counts.set(kind!, (counts.get(kind!) ?? 0) + Number(count));
  }
  return { atMs: Number(/^time=(\d+)/m.exec(printed)?.[1] ?? NaN), counts };
}

/** Of all kinds together, then of each that is asked for at least once a second; the most frequent first. */
export function requestFigures(before: Requests, after: Requests): Figure[] {
  const seconds = (after.atMs - before.atMs) / 1_000;
  const rates = [...after.counts]
    .map(([kind, count]) => ({ kind, rate: (count - (before.counts.get(kind) ?? 0)) / seconds }))
    .toSorted((a, b) => b.rate - a.rate);
  const all = rates.reduce((sum, { rate }) => sum + rate, 0);
  return [{ kind: "all", rate: all }, ...rates.filter(({ rate }) => rate >= 1)]
    .map(({ kind, rate }) => ({
      label: `requests at the broker: ${kind}`,
      unit: "requests/s",
      value: rate,
    }));
}
