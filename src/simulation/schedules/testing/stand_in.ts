/** A pipeline of nothing but faults, for tests of what runs pipelines. */
import type { Stage } from "../../faults/stage.ts";
import type { PipelineRun, RunPipeline, Violation } from "../../result.ts";

/** Seeds that end in 7 break G1 as soon as a group rebalances; in 9, they throw. */
export const standIn: RunPipeline = (run: PipelineRun) => {
  const { seed, shape, trace } = run;
  const violations: Violation[] = [];
  const events: { atMs: number; callback: () => void }[] = [];
  const met = new Map<string, number>();
  let now = 0;
  const part = (name: string): unknown =>
    new Proxy({}, {
      get: (_, method) => (...args: unknown[]) => {
        const what = `${name} ${String(method)}`;
        met.set(what, (met.get(what) ?? 0) + 1);
        trace?.(now, `payment-1 → 1  ${what} ${args.join(" ")}`);
        if (method === "rebalance" && seed % 10 === 7 && violations.length === 0) {
          violations.push({
            promise: "G1",
            what: `order-${seed} has no outcome`,
            orders: [`order-${seed}`],
          });
          trace?.(now, `order-${seed} is lost`);
        }
      },
    });
  run.onStage({
    at: (afterMs: number, callback: () => void) => events.push({ atMs: now + afterMs, callback }),
    network: part("network"),
    replicas: part("replicas"),
    cluster: part("cluster"),
    databases: part("databases"),
    silenceGateway: () => {},
    heal: () => {},
  } as unknown as Stage);
  while (events.length > 0) {
    events.sort((a, b) => a.atMs - b.atMs);
    const { atMs, callback } = events.shift()!;
    now = atMs;
    callback();
  }
  if (seed % 10 === 9) return Promise.reject(new TypeError("a bug"));
  return Promise.resolve({ violations, met, endedMs: now, orders: shape.orders });
};
