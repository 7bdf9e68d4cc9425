/** What can be measured, one thing at a time: each scenario starts a pipeline of its own. */
import type { Figure } from "../figures.ts";
import type { BenchConfig } from "../settings.ts";
import type { Work } from "../work.ts";

export interface Context {
  /** Whose pipeline is measured. */
  readonly checkout: URL;
  readonly config: BenchConfig;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** What an earlier scenario of the same run returned. */
  readonly work: Work | undefined;
}

export interface Measured {
  readonly figures: readonly Figure[];
  /** For the scenarios that come after it. */
  readonly work?: Work;
}

/** @throws when the signal aborts */
export type Scenario = (context: Context) => Promise<Measured>;
