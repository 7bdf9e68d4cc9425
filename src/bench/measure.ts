/** Measures how a warm pipeline settles orders, and what its processes take for it. */
import type { LatencyHistogram } from "../services/analytics/histogram.ts";
import { CONSUMERS, PROCESSORS } from "../topology.ts";
import type { Figure } from "./figures.ts";
import type { MeasuredPipeline } from "./pipeline.ts";
import { logBytes, type Usage, usageOf } from "./usage.ts";
import { warmUp, warmUpText } from "./warm_up.ts";

export interface ProcessUse {
  /** A service with all its members, `simulator` or `Kafka`. */
  readonly process: string;
  /** µs. */
  readonly cpuPerOrder: number;
  /** Of the largest member, since its start. */
  readonly peakMiB: number;
}

export interface Placed {
  readonly settledPerSecond: number;
  /** Placed to outcome. */
  readonly latency: LatencyHistogram;
  /** What an order takes on the broker's disk, in all topics together. */
  readonly logBytesPerOrder: number;
  readonly processes: readonly ProcessUse[];
}

/** Places orders, and measures from before the first until all of them are settled. */
export async function measure(
  pipeline: MeasuredPipeline,
  { orders, rate }: { orders: number; rate: number },
): Promise<Placed> {
  const [broker] = pipeline.cluster.nodes;
  const before = await usageByProcess(pipeline);
  const bytesBefore = await logBytes(broker!);
  const simulator = pipeline.startSimulator({ orders, rate });
  const placing = new PlacingCost(simulator.process.pid);
  await pipeline.settle(simulator, ({ placed }) => placing.sample(placed));
  const after = await usageByProcess(pipeline);
  const { settled, firstPlacedAtMs, lastOutcomeAtMs, latency } = pipeline.tally();
  const use = [...after].map(([process, { cpuSeconds, peakMiB }]) => ({
    process,
    peakMiB,
    cpuPerOrder: 1e6 * (cpuSeconds - before.get(process)!.cpuSeconds) / orders,
  }));
  return {
    settledPerSecond: 1_000 * settled / (lastOutcomeAtMs - firstPlacedAtMs),
    latency,
    logBytesPerOrder: (await logBytes(broker!) - bytesBefore) / orders,
    processes: [await placing.result(), ...use],
  };
}

/** Places slices of orders until they take the same CPU each, and says so; none for `orders` of 0. */
export async function untilWarm(
  pipeline: MeasuredPipeline,
  slice: { orders: number; rate: number },
  say: (line: string) => void,
): Promise<void> {
  if (slice.orders === 0) return;
  const state = await warmUp(async () =>
    cpuOf(await measure(pipeline, slice), ...CONSUMERS, "Kafka")
  );
  say(`  warm-up: ${warmUpText(state)}`);
}

/** Starts one member of each service. */
export async function startServices({ services }: MeasuredPipeline): Promise<void> {
  for (const service of CONSUMERS) await services.scale(service, 1);
}

/** µs an order of these processes together. */
export function cpuOf({ processes }: Placed, ...names: string[]): number {
  return processes.filter(({ process }) => names.includes(process))
    .reduce((sum, { cpuPerOrder }) => sum + cpuPerOrder, 0);
}

/** CPU and memory, of all services together and of each process. */
export function processFigures(placed: Placed): Figure[] {
  return [
    {
      label: `CPU an order: ${PROCESSORS.join(", ")} together`,
      unit: "µs",
      value: cpuOf(placed, ...PROCESSORS),
    },
    ...placed.processes.flatMap(({ process, cpuPerOrder, peakMiB }): Figure[] => [
      { label: `${process}: CPU an order`, unit: "µs", value: cpuPerOrder },
      { label: `${process}: peak memory`, unit: "MiB", value: peakMiB },
    ]),
  ];
}

async function usageByProcess({ services, cluster }: MeasuredPipeline) {
  const pids = [
    ...CONSUMERS.map((service) => [service, services.members(service)] as const),
    ["Kafka", cluster.nodes] as const,
  ];
  return new Map(
    await Promise.all(pids.map(async ([process, members]) => {
      const usages = await Promise.all(members.map(({ pid }) => usageOf(pid)));
      const usage: Usage = {
        cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
        peakMiB: Math.max(...usages.map(({ peakMiB }) => peakMiB)),
      };
      return [process as string, usage] as const;
    })),
  );
}

/** What the simulator takes for an order, from its first report to its last: without its start. */
class PlacingCost {
  readonly #samples: { placed: number; usage: Usage }[] = [];
  #sampling = Promise.resolve();

  constructor(private readonly pid: number) {}

  sample(placed: number): void {
    if (placed === 0 || placed === this.#samples.at(-1)?.placed) return;
    this.#sampling = this.#sampling.then(async () => {
      const usage = await usageOf(this.pid);
      if (Number.isFinite(usage.cpuSeconds)) this.#samples.push({ placed, usage });
    });
  }

  async result(): Promise<ProcessUse> {
    await this.#sampling;
    const [first, last] = [this.#samples.at(0), this.#samples.at(-1)];
    const orders = first && last ? last.placed - first.placed : 0;
    const seconds = first && last ? last.usage.cpuSeconds - first.usage.cpuSeconds : 0;
    return {
      process: "simulator",
      cpuPerOrder: orders > 0 ? 1e6 * seconds / orders : NaN,
      peakMiB: last?.usage.peakMiB ?? NaN,
    };
  }
}
