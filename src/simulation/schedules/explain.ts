/** What is told of one seed: its schedule, and what happened in it; of a failing one, made small. */
import { plural } from "../../runtime/format.ts";
import type { RunPipeline } from "../result.ts";
import { runSeed, type SeedOptions } from "./schedule.ts";
import { shrink } from "./shrink.ts";
import { describeShape, faultLines, relevantLines, traceLines, violationLines } from "./trace.ts";

export type RunOptions = Pick<SeedOptions, "orders" | "brokers" | "run">;

/** The whole schedule, with all that happened. */
export async function tellSeed(
  seed: number,
  options: RunOptions,
  runPipeline: RunPipeline,
): Promise<string[]> {
  const result = await runSeed(seed, { ...options, trace: true }, runPipeline);
  const { violations, shape, faults } = result;
  return [
    `seed ${seed}: ${describeShape(shape)}`,
    "faults:",
    ...faultLines(faults),
    "trace, in ms (! a fault; * about an order whose promise was broken):",
    ...traceLines(result),
    ...violations.length === 0 ? [] : ["broken:", ...violationLines(result)],
  ];
}

export interface ShrinkLimits {
  /** How many schedules it may run. */
  readonly mostRuns: number;
  readonly limitMs: number;
}

/**
 * The schedule of a failing seed, made small, and what happened around the violation.
 *
 * @returns undefined where the seed breaks no promise
 */
export async function explainFailure(
  seed: number,
  options: RunOptions,
  { mostRuns, limitMs }: ShrinkLimits,
  onProgress: (line: string) => void,
  runPipeline: RunPipeline,
): Promise<string[] | undefined> {
  const first = await runSeed(seed, options, runPipeline);
  const promise = first.violations[0]?.promise;
  if (promise === undefined) return undefined;
  const startedAt = performance.now();
  const { faults, runs, isMinimal } = await shrink(first.faults, {
    async fails(faults) {
      const { violations } = await runSeed(seed, { ...options, faults }, runPipeline);
      return violations.some((violation) => violation.promise === promise);
    },
    mostRuns,
    isOver: () => performance.now() - startedAt > limitMs,
    onProgress: (left, runs) =>
      onProgress(`seed ${seed}: ${plural(left.length, "fault")} left after ${plural(runs, "run")}`),
  });
  const last = await runSeed(seed, { ...options, faults, trace: true }, runPipeline);
  const left = faults.length < first.faults.length
    ? `${faults.length} of ${plural(first.faults.length, "fault")} needed`
    : "faults";
  return [
    `seed ${seed}: ${describeShape(first.shape)}`,
    `${left}${isMinimal ? "" : `, or fewer: ${runs} runs were not enough to tell`}:`,
    ...faultLines(faults),
    "broken:",
    ...violationLines(last),
    "what happened, as far as it is about that, in ms (! a fault):",
    ...relevantLines(last),
    `again: ${commandFor(seed, options)}`,
  ];
}

/** The command that runs a seed again. */
export function commandFor(seed: number, { orders, brokers, run }: RunOptions): string {
  const options = [
    ...orders === undefined ? [] : [`--orders ${orders}`],
    ...brokers === undefined ? [] : [`--brokers ${brokers}`],
    ...run === undefined ? [] : [`--run ${run}`],
  ];
  return [`deno task sim --seed ${seed}`, ...options].join(" ");
}
