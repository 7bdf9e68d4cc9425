/** What each process of a pipeline takes for an order. */
import { CONSUMERS, PROCESSORS } from "../topology.ts";
import { Failure } from "../runtime/errors.ts";
import type { Figure } from "./figures.ts";
import type { Garbage } from "./garbage.ts";
import type { MeasuredPipeline } from "./pipeline.ts";
import { type Usage, usageOf } from "./usage.ts";

export interface ProcessUse {
  /** A service with all its members, `simulator` or `Kafka`. */
  readonly process: string;
  readonly cpuSeconds: number;
  readonly orders: number;
  /** Of the largest member, since its start. */
  readonly peakMiB: number;
  /** Of all members; undefined for what does not tell. */
  readonly garbage?: Garbage;
}

/** What one look at a pipeline found. */
export interface Snapshot {
  /** Epoch milliseconds; when the last of them had been looked at. */
  readonly atMs: number;
  /** By process: a service, or `Kafka`. */
  readonly members: ReadonlyMap<string, readonly Member[]>;
}

interface Member extends Usage {
  readonly pid: number;
  /** As the pipeline calls it, such as `validator-1`. */
  readonly name: string;
}

export async function snapshot({ services, cluster }: MeasuredPipeline): Promise<Snapshot> {
  const processes = [
    ...CONSUMERS.map((service) => [service, services.members(service)] as const),
    ["Kafka", cluster.nodes.map(({ pid }) => ({ pid, name: "Kafka" }))] as const,
  ];
  const members = new Map(
    await Promise.all(processes.map(async ([process, members]) =>
      [
        process,
        await Promise.all(
          members.map(async ({ pid, name }) => ({ pid, name, ...await usageOf(pid) })),
        ),
      ] as const
    )),
  );
  return { atMs: Date.now(), members };
}

/**
 * What the processes took between two snapshots, for so many orders.
 *
 * @throws {Failure} a process of the first is not in the second: it ended, and another took its place
 */
export function useBetween(before: Snapshot, after: Snapshot, orders: number): ProcessUse[] {
  for (const [process, members] of before.members) {
    const still = after.members.get(process)!.map(({ pid }) => pid);
    const gone = members.find(({ pid }) => !still.includes(pid));
    if (gone) throw new Failure(`${gone.name} ended while it was measured`);
  }
  return [...after.members].map(([process, members]) => ({
    process,
    orders,
    cpuSeconds: sum(members.map(({ cpuSeconds }) => cpuSeconds)) -
      sum(before.members.get(process)!.map(({ cpuSeconds }) => cpuSeconds)),
    peakMiB: Math.max(...members.map(({ peakMiB }) => peakMiB)),
  }));
}

/** µs an order of these processes together; of all of them by default. */
export function cpuPerOrder(use: readonly ProcessUse[], ...names: string[]): number {
  const chosen = use.filter(({ process }) => names.length === 0 || names.includes(process));
  return sum(chosen.map(({ cpuSeconds, orders }) => 1e6 * cpuSeconds / orders));
}

/** CPU of the four services together and of Kafka: what an order costs in the run of this name. */
export function costFigures(name: string, use: readonly ProcessUse[]): Figure[] {
  const figure = (whose: string, value: number): Figure => (
    { label: `${name}: CPU an order, ${whose}`, unit: "µs", value }
  );
  return [
    figure("the four services", cpuPerOrder(use, ...PROCESSORS)),
    figure("Kafka", cpuPerOrder(use, "Kafka")),
  ];
}

/** CPU, memory and garbage, of all services together and of each process. */
export function processFigures(use: readonly ProcessUse[]): Figure[] {
  return [
    {
      label: "CPU an order: the four services together",
      unit: "µs",
      value: cpuPerOrder(use, ...PROCESSORS),
    },
    ...use.flatMap(({ process, cpuSeconds, orders, peakMiB, garbage }): Figure[] => [
      { label: `${process}: CPU an order`, unit: "µs", value: 1e6 * cpuSeconds / orders },
      { label: `${process}: peak memory`, unit: "MiB", value: peakMiB },
      ...garbage
        ? [
          {
            label: `${process}: paused for garbage collection, of its CPU`,
            unit: "%",
            value: 100 * garbage.pauseSeconds / cpuSeconds,
          } as const,
          {
            label: `${process}: allocated an order`,
            unit: "KiB",
            value: 1_024 * garbage.allocatedMiB / orders,
          } as const,
        ]
        : [],
    ]),
  ];
}

/** What the simulator takes for an order, from its first report to its last: without its start. */
export class SimulatorUse {
  readonly #samples: { placed: number; usage: Usage }[] = [];
  #sampling = Promise.resolve();

  constructor(private readonly pid: number) {}

  sample(placed: number): void {
    this.#sampling = this.#sampling.then(async () => {
      if (placed === 0 || placed === this.#samples.at(-1)?.placed) return;
      const usage = await usageOf(this.pid);
      if (Number.isFinite(usage.cpuSeconds)) this.#samples.push({ placed, usage });
    });
  }

  async result(): Promise<ProcessUse> {
    await this.#sampling;
    const first = this.#samples.at(0);
    const last = this.#samples.at(-1);
    return {
      process: "simulator",
      orders: first && last ? last.placed - first.placed : 0,
      cpuSeconds: first && last ? last.usage.cpuSeconds - first.usage.cpuSeconds : NaN,
      peakMiB: last?.usage.peakMiB ?? NaN,
    };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
