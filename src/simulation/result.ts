/** What a schedule is run with, and what came of it. */
import type { Fault } from "./faults/faults.ts";
import type { Stage } from "./faults/stage.ts";
import type { Shape } from "./shape.ts";

/** A promise that was broken. */
export interface Violation {
  /** `G1` to `G7`; `error` where the code failed in a way that none of it expects. */
  readonly promise: string;
  readonly what: string;
  /** Ids of the orders involved, as far as known. */
  readonly orders: readonly string[];
}

export interface PipelineRun {
  readonly seed: number;
  readonly shape: Shape;
  /** Called once, before the first event: sets the faults by `stage.at`. */
  readonly onStage: (stage: Stage) => void;
  /** Told of all that happens; lines begin with a process's name, where it is one's. */
  readonly trace?: ((atMs: number, line: string) => void) | undefined;
}

export interface PipelineOutcome {
  /** None: all promises were kept. */
  readonly violations: readonly Violation[];
  /** How often something was met, such as `EndTxn NOT_COORDINATOR` or `answer lost`. */
  readonly met: ReadonlyMap<string, number>;
  /** When everything had come to rest, in virtual time. */
  readonly endedMs: number;
  /** Orders that were acknowledged. */
  readonly orders: number;
}

export type RunPipeline = (run: PipelineRun) => Promise<PipelineOutcome>;

export interface TraceLine {
  readonly atMs: number;
  readonly text: string;
  readonly isFault?: boolean;
}

/** Plain data, for a worker to send. */
export interface Result {
  readonly seed: number;
  readonly shape: Shape;
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly met: ReadonlyMap<string, number>;
  readonly endedMs: number;
  readonly orders: number;
  /** Empty where none was asked for. */
  readonly trace: readonly TraceLine[];
}
