/** Many seeds on many workers. */
import { Failure } from "../../runtime/errors.ts";
import type { RunOptions } from "./explain.ts";
import type { Order, Report } from "./messages.ts";
import { addTally, emptyTally, type Tally } from "./tally.ts";

/** As much of a Worker as this needs. */
export interface WorkerPort {
  postMessage(order: Order): void;
  terminate(): void;
  onmessage: ((event: { readonly data: Report }) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

/** So few that the last ones end soon after the time is up. */
const SEEDS_AT_ONCE = 10;
/** A schedule takes some milliseconds: one that takes so long has no end. */
const HANGS_AFTER_MS = 60_000;

/** One worker, which does one thing at a time. */
export class Runner {
  #seed = 0;
  #heardAt = performance.now();
  #done: { resolve(report: Report): void; reject(error: unknown): void } | undefined;
  /** Before that it would miss what it is told. */
  readonly #ready = Promise.withResolvers<void>();

  constructor(
    private readonly worker: WorkerPort,
    private readonly onProgress: (line: string) => void = () => {},
  ) {
    worker.onmessage = ({ data }) => this.#hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      const error = new Failure(`seed ${this.#seed}: the worker ended: ${event.message}`);
      this.#ready.reject(error);
      this.#done?.reject(error);
    };
  }

  /** @throws {Failure} the worker failed, or hangs */
  async do(order: Order): Promise<Report> {
    await this.#ready.promise;
    this.#seed = order.kind === "run" ? order.first : order.seed;
    return await new Promise((resolve, reject) => {
      this.#heardAt = performance.now();
      this.#done = { resolve, reject };
      this.worker.postMessage(order);
    });
  }

  /** To be called now and then. */
  checkHangs(): void {
    if (performance.now() - this.#heardAt < HANGS_AFTER_MS) return;
    const forS = HANGS_AFTER_MS / 1_000;
    this.#done?.reject(new Failure(`seed ${this.#seed} has not ended within ${forS} s`));
  }

  stop(): void {
    this.worker.terminate();
  }

  #hear(report: Report): void {
    this.#heardAt = performance.now();
    if (report.kind === "ready") this.#ready.resolve();
    else if (report.kind === "begun") this.#seed = report.seed;
    else if (report.kind === "progress") this.onProgress(report.line);
    else if (report.kind === "broken") {
      this.#done?.reject(new Failure(`seed ${this.#seed}: the worker failed: ${report.why}`));
    } else this.#done?.resolve(report);
  }
}

export interface Campaign {
  readonly first: number;
  /** How many seeds; Infinity: as many as fit. */
  readonly schedules: number;
  readonly limitMs: number;
  /** No new schedules after the first that fails. */
  readonly untilFailure: boolean;
  readonly options: RunOptions;
  readonly signal: AbortSignal;
  /** Told of what there is so far. */
  readonly onProgress: (tally: Tally) => void;
}

/**
 * Runs the seeds `first`, `first + 1`, … without a gap.
 *
 * @throws {Failure} a worker failed, or hangs
 */
export async function runCampaign(runners: readonly Runner[], campaign: Campaign): Promise<Tally> {
  const { first, schedules, limitMs, untilFailure, options, signal, onProgress } = campaign;
  const startedAt = performance.now();
  const tally = emptyTally();
  let next = first;
  const goesOn = () =>
    !signal.aborted && next < first + schedules && performance.now() - startedAt < limitMs &&
    !(untilFailure && tally.failures.length > 0);
  const watch = setInterval(() => runners.forEach((runner) => runner.checkHangs()), 1_000);
  const work = async (runner: Runner) => {
    while (goesOn()) {
      const count = Math.min(SEEDS_AT_ONCE, first + schedules - next);
      const order = { kind: "run", first: next, count, options } as const;
      next += count;
      const report = await runner.do(order);
      if (report.kind === "tally") addTally(tally, report.tally);
      onProgress(tally);
    }
  };
  try {
    await Promise.all(runners.map(work));
  } finally {
    clearInterval(watch);
  }
  return tally;
}
