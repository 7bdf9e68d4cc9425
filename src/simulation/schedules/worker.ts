/** Runs schedules in a thread of its own: virtual time replaces a whole realm's timers. */
import { explainFailure, tellSeed } from "./explain.ts";
import { runPipeline } from "../pipeline.ts";
import type { Order, Report } from "./messages.ts";
import { runSeed } from "./schedule.ts";
import { addResult, emptyTally } from "./tally.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Order>) => void;
  postMessage(report: Report): void;
};

scope.onmessage = async ({ data: order }) => {
  try {
    scope.postMessage(await carryOut(order));
  } catch (error) {
    const why = error instanceof Error ? error.stack ?? error.message : String(error);
    scope.postMessage({ kind: "broken", why });
  }
};

/** Errors are many, and few are shown: their stacks take time. */
const STACK_LINES = Error.stackTraceLimit;

async function carryOut(order: Order): Promise<Report> {
  const { options } = order;
  Error.stackTraceLimit = order.kind === "run" ? 0 : STACK_LINES;
  switch (order.kind) {
    case "run": {
      const tally = emptyTally();
      for (let seed = order.first; seed < order.first + order.count; seed++) {
        scope.postMessage({ kind: "begun", seed });
        addResult(tally, await runSeed(seed, options, runPipeline));
      }
      return { kind: "tally", tally };
    }
    case "tell":
      return { kind: "told", lines: await tellSeed(order.seed, options, runPipeline) };
    case "explain": {
      const onProgress = (line: string) => scope.postMessage({ kind: "progress", line });
      const { seed, limits } = order;
      const lines = await explainFailure(seed, options, limits, onProgress, runPipeline);
      return { kind: "told", lines };
    }
  }
}

scope.postMessage({ kind: "ready" });
