/** A seed becomes a schedule: how large the pipeline is, and which faults it meets when. */
import { begin, clause, drawSchedule, type Fault } from "../faults/faults.ts";
import type { Surroundings } from "../faults/fault.ts";
import type { Stage } from "../faults/stage.ts";
import { Random } from "../random.ts";
import type { PipelineOutcome, Result, RunPipeline, TraceLine } from "../result.ts";
import { topicsOf } from "../services.ts";
import { drawShape, type Shape, type ShapeOptions } from "../shape.ts";

export interface SeedOptions extends ShapeOptions {
  /** Instead of those that the seed draws; all else stays the same. */
  readonly faults?: readonly Fault[] | undefined;
  readonly trace?: boolean;
}

/** How many faults a schedule has on average, about. */
const INTENSITY = 16;

export function drawSeed(seed: number, options: ShapeOptions): { shape: Shape; faults: Fault[] } {
  const random = new Random(seed);
  const shape = drawShape(random.fork("shape"), options);
  const faults = drawSchedule(random.fork("faults"), surroundings(shape), INTENSITY);
  return { shape, faults };
}

function surroundings({ brokers, partitions, replicas, services, horizonMs }: Shape): Surroundings {
  return {
    brokers,
    partitions,
    replicas,
    horizonMs,
    topics: topicsOf(services),
    services,
    others: ["source"],
  };
}

/** Runs one schedule. The same seed and options give the same result, trace and all. */
export async function runSeed(
  seed: number,
  options: SeedOptions,
  runPipeline: RunPipeline,
): Promise<Result> {
  const drawn = drawSeed(seed, options);
  const { shape } = drawn;
  const faults = options.faults ?? drawn.faults;
  const lines: TraceLine[] = [];
  const trace = options.trace
    ? (atMs: number, text: string) => void lines.push({ atMs, text })
    : undefined;
  const onStage = (stage: Stage) => {
    for (const fault of faults) {
      stage.at(fault.atMs, () => {
        if (trace) lines.push({ atMs: fault.atMs, text: clause(fault), isFault: true });
        begin(fault, stage);
      });
    }
    stage.at(shape.horizonMs, () => stage.heal());
  };
  const outcome = await runPipeline({ seed, shape, trace, onStage }).catch(failed);
  return { seed, shape, faults, ...outcome, trace: lines };
}

/** The code under test, or the simulation, did what nobody expects: no promise can be checked. */
function failed(error: unknown): PipelineOutcome {
  const what = error instanceof Error ? error.stack ?? error.message : String(error);
  return {
    violations: [{ promise: "error", what, orders: [] }],
    met: new Map(),
    endedMs: 0,
    orders: 0,
  };
}
