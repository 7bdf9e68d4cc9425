/**
 * What every process with /metrics has in common. Each of its samples says which service it is of, so that
 * dashboards and alert rules need nothing from whoever scrapes it.
 *
 * prom-client's own process metrics read /proc, which a service has no right to: they would say 0. What
 * Deno knows of itself has the names that Prometheus' clients give it, and those of Node.js dashboards.
 */
import process from "node:process";
import { Counter, Gauge, Registry } from "prom-client";
import project from "../../deno.json" with { type: "json" };

/** @param service the name of the process, such as `validator` */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  const registers = [registry];
  new Gauge({
    name: "orderflow_build_info",
    help: "1; its labels say which versions of orderflow and of Deno run",
    labelNames: ["version", "deno_version"],
    registers,
  }).set({ version: project.version, deno_version: Deno.version.deno }, 1);
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of this process, user and system, seconds",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: "process_start_time_seconds",
    help: "When this process started, seconds since 1970",
    registers,
  }).set(performance.timeOrigin / 1_000);
  for (const [name, help, of] of MEMORY) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(of(Deno.memoryUsage()));
      },
    });
  }
  return registry;
}

const MEMORY: readonly (readonly [string, string, (memory: Deno.MemoryUsage) => number])[] = [
  ["process_resident_memory_bytes", "Memory of this process that is in RAM, bytes", (m) => m.rss],
  ["nodejs_heap_size_total_bytes", "V8's heap, bytes", (m) => m.heapTotal],
  ["nodejs_heap_size_used_bytes", "Used of V8's heap, bytes", (m) => m.heapUsed],
  ["nodejs_external_memory_bytes", "Buffers outside of V8's heap, bytes", (m) => m.external],
];
