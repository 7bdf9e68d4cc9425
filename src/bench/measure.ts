/** Measures how a warm pipeline settles orders, and what its processes take for it. */
import type { LatencyHistogram } from "../services/analytics/histogram.ts";
import { pause } from "../runtime/shutdown.ts";
import { CONSUMERS } from "../topology.ts";
import type { Figure } from "./figures.ts";
import { garbageIn } from "./garbage.ts";
import type { MeasuredPipeline } from "./pipeline.ts";
import {
  cpuPerOrder,
  processFigures,
  type ProcessUse,
  SimulatorUse,
  type Snapshot,
  snapshot,
  useBetween,
} from "./processes.ts";
import { openRequestCounter, requestFigures } from "./requests.ts";
import { logBytes } from "./usage.ts";
import { type SliceOfOrders, warmUp, warmUpText } from "./warm_up.ts";

export interface Placed {
  readonly settledPerSecond: number;
  /** Placed to outcome. */
  readonly latency: LatencyHistogram;
  /** What an order takes on the broker's disk, in all topics together. */
  readonly logBytesPerOrder: number;
  readonly use: readonly ProcessUse[];
  /** Of the services and Kafka, just before the first order and after the last. */
  readonly window: readonly [Snapshot, Snapshot];
}

const START_POLL_MS = 100;
/**
 * In which the services do what is left to do about the last outcomes, such as to give stock back. What
 * comes later is no part of what an order costs: offsets that nobody waits for, and our own asking
 * whether all has been read.
 */
const LAST_WORK_MS = 500;

/** Places orders, and measures from just before the first until just after the last is settled. */
export async function measure(
  pipeline: MeasuredPipeline,
  { orders, rate }: SliceOfOrders,
): Promise<Placed> {
  const [broker] = pipeline.cluster.nodes;
  const bytesBefore = await logBytes(broker!);
  const atRest = [await snapshot(pipeline)];
  const simulator = pipeline.startSimulator({ orders, rate });
  const simulatorUse = new SimulatorUse(simulator.process.pid);
  // The simulator takes a second to start, which is no part of what its orders cost.
  const watching = (async () => {
    const hasBegun = () => simulator.placed > 0 || pipeline.tally().settled > 0;
    while (!hasBegun() && simulator.process.running) {
      await pause(START_POLL_MS);
      atRest.push(await snapshot(pipeline));
    }
  })();
  let after: Snapshot | undefined;
  await pipeline.settle(simulator, {
    onProgress: ({ placed }) => simulatorUse.sample(placed),
    async onSettled() {
      await pause(LAST_WORK_MS);
      after = await snapshot(pipeline);
    },
  });
  await watching;
  const { settled, firstPlacedAtMs, lastOutcomeAtMs, latency } = pipeline.tally();
  const before = atRest.findLast(({ atMs }) => atMs <= firstPlacedAtMs) ?? atRest[0]!;
  return {
    settledPerSecond: 1_000 * settled / (lastOutcomeAtMs - firstPlacedAtMs),
    latency,
    logBytesPerOrder: (await logBytes(broker!) - bytesBefore) / orders,
    use: [await simulatorUse.result(), ...useBetween(before, after!, orders)],
    window: [before, after!],
  };
}

/**
 * The same, and the requests that the broker answered meanwhile and the services' garbage, which take
 * the end of the services to be known.
 *
 * @returns the figures of all processes, too
 */
export async function measureAtLength(
  pipeline: MeasuredPipeline,
  slice: SliceOfOrders,
): Promise<Placed & { figures: readonly Figure[] }> {
  const requests = await openRequestCounter(pipeline.cluster);
  const requestsBefore = await requests?.();
  const placed = await measure(pipeline, slice);
  const requestsAfter = await requests?.();
  await pipeline.services.stop();
  const use = await Promise.all(placed.use.map((each) => withGarbage(each, placed, pipeline)));
  const figures: Figure[] = [
    ...processFigures(use),
    ...requestsBefore && requestsAfter ? requestFigures(requestsBefore, requestsAfter) : [],
    { label: "log on disk an order", unit: "bytes", value: placed.logBytesPerOrder },
  ];
  return { ...placed, use, figures };
}

async function withGarbage(
  use: ProcessUse,
  { window: [before, after] }: Placed,
  { services }: MeasuredPipeline,
): Promise<ProcessUse> {
  if (!(CONSUMERS as readonly string[]).includes(use.process)) return use;
  const found = await Promise.all(
    after.members.get(use.process)!.map(async ({ pid, name, ageSeconds }) => {
      const from = before.members.get(use.process)!.find((member) =>
        member.pid === pid
      )?.ageSeconds ?? 0;
      const log = await Deno.readTextFile(services.logFile(name));
      return garbageIn(log, { from, to: ageSeconds });
    }),
  );
  return {
    ...use,
    garbage: {
      pauseSeconds: found.reduce((sum, { pauseSeconds }) => sum + pauseSeconds, 0),
      allocatedMiB: found.reduce((sum, { allocatedMiB }) => sum + allocatedMiB, 0),
    },
  };
}

/**
 * Places slices of orders until they take the same CPU each, and says so; none of 0 orders.
 *
 * @returns how far the last slices were apart
 */
export async function untilWarm(
  pipeline: MeasuredPipeline,
  slice: SliceOfOrders,
  say: (line: string) => void,
): Promise<Figure[]> {
  if (slice.orders === 0) return [];
  const state = await warmUp(async () => {
    const { use } = await measure(pipeline, slice);
    return cpuPerOrder(use, ...CONSUMERS, "Kafka");
  });
  say(`  warm-up: ${warmUpText(state)}`);
  const label = "warm-up: CPU an order of the last slices differs by";
  return [{ label, unit: "%", value: 100 * state.difference }];
}

/** Starts one member of each service. */
export async function startServices({ services }: MeasuredPipeline): Promise<void> {
  for (const service of CONSUMERS) await services.scale(service, 1);
}
