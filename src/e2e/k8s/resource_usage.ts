/** The pods' peak use of CPU and memory, by the kubelet's figures, beside their requests and limits. */
import type { Cluster } from "../../kind/cluster.ts";
import { pause } from "../../runtime/shutdown.ts";

interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly {
      readonly name: string;
      readonly cpu?: { readonly usageNanoCores?: number };
      readonly memory?: { readonly workingSetBytes?: number };
    }[];
  }[];
}

interface Peak {
  milliCores: number;
  mebibytes: number;
}

const EVERY_MS = 5_000;

interface UsageWatch {
  /** A line a kind of container. */
  stop(): Promise<string[]>;
}

/** Samples every few seconds until stopped. The kubelet's figures are means over ten seconds or so. */
export function watchUsage(cluster: Cluster): UsageWatch {
  const peaks = new Map<string, Peak>();
  const asked = new Map<string, string>();
  const sample = async () => {
    const pods = await cluster.pods("app.kubernetes.io/instance=orderflow");
    const brokers = await cluster.pods("strimzi.io/cluster=orderflow");
    const kinds = new Map<string, string>();
    for (const { metadata, spec } of [...pods, ...brokers]) {
      for (const { name, resources: { requests = {}, limits = {} } } of spec.containers) {
        kinds.set(`${metadata.name}/${name}`, name);
        const of = (what: string) => `${requests[what] ?? "-"} / ${limits[what] ?? "-"}`;
        asked.set(name, `cpu ${of("cpu")}, memory ${of("memory")}`);
      }
    }
    const { items } = JSON.parse(await cluster.kubectl(["get", "nodes", "-o", "json"]));
    for (const { metadata: { name } } of items) {
      const path = `/api/v1/nodes/${name}/proxy/stats/summary`;
      const { pods }: Summary = JSON.parse(await cluster.kubectl(["get", "--raw", path]));
      for (const { podRef, containers = [] } of pods) {
        for (const { name, cpu, memory } of containers) {
          const kind = kinds.get(`${podRef.name}/${name}`);
          if (kind === undefined) continue;
          const peak = peaks.get(kind) ?? { milliCores: 0, mebibytes: 0 };
          peaks.set(kind, {
            milliCores: Math.max(peak.milliCores, (cpu?.usageNanoCores ?? 0) / 1e6),
            mebibytes: Math.max(peak.mebibytes, (memory?.workingSetBytes ?? 0) / 2 ** 20),
          });
        }
      }
    }
  };
  const stopping = new AbortController();
  const sampling = (async () => {
    while (!stopping.signal.aborted) {
      // A pod may be gone by the time that it is asked for.
      await sample().catch(() => {});
      await pause(EVERY_MS, stopping.signal);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await sampling;
      return [...peaks].toSorted().map(([kind, { milliCores, mebibytes }]) =>
        `${kind.padEnd(12)} peak ${milliCores.toFixed(0).padStart(5)}m cpu, ` +
        `${mebibytes.toFixed(0).padStart(5)} MiB; asked for (request / limit): ${asked.get(kind)}`
      );
    },
  };
}
