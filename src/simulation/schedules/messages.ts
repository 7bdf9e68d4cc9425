/** What the command and its workers say to each other. */
import type { RunOptions, ShrinkLimits } from "./explain.ts";
import type { Tally } from "./tally.ts";

/** One at a time. */
export type Order =
  & { readonly options: RunOptions }
  & (
    | { readonly kind: "run"; readonly first: number; readonly count: number }
    | { readonly kind: "tell"; readonly seed: number }
    | { readonly kind: "explain"; readonly seed: number; readonly limits: ShrinkLimits }
  );

export type Report =
  /** It listens. */
  | { readonly kind: "ready" }
  | { readonly kind: "begun"; readonly seed: number }
  | { readonly kind: "progress"; readonly line: string }
  | { readonly kind: "tally"; readonly tally: Tally }
  /** Undefined: nothing failed. */
  | { readonly kind: "told"; readonly lines: readonly string[] | undefined }
  /** The worker itself failed, not what it runs. */
  | { readonly kind: "broken"; readonly why: string };
