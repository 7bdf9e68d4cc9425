/** What can be measured, one thing at a time: each scenario starts a pipeline of its own. */
import type { Figure } from "../figures.ts";
import type { BenchConfig } from "../settings.ts";

export interface Context {
  /** Whose pipeline is measured. */
  readonly checkout: URL;
  readonly config: BenchConfig;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** @throws when the signal aborts */
export type Scenario = (context: Context) => Promise<Figure[]>;
