import { assertEquals, assertMatch } from "@std/assert";
import { commandFor, explainFailure, tellSeed } from "./explain.ts";
import type { RunPipeline } from "../result.ts";
import { drawSeed } from "./schedule.ts";
import { standIn } from "./testing/stand_in.ts";

const options = {};
const limits = { mostRuns: 200, limitMs: 60_000 };
const explain = (seed: number) => explainFailure(seed, options, limits, () => {}, standIn);

/** The first seeds of the stand-in that fail by a fault; that fail always; that never fail. */
const SEEDS = { fault: seedWithRebalance(), always: 9, never: 1 };

function seedWithRebalance(): number {
  for (let seed = 7;; seed += 10) {
    if (drawSeed(seed, options).faults.some(({ kind }) => kind === "group rebalances")) return seed;
  }
}

Deno.test("explainFailure: the faults that are needed, what broke, what happened, the command", async () => {
  const lines = await explain(SEEDS.fault);
  const fault = /^ +([\d,]+) ms {2}the group of \w+ rebalances$/;
  const at = fault.exec(lines![2]!)![1]!;
  assertEquals(lines!.map((line) => line.replace(/(\d )the group of \w+/, "$1the group of …")), [
    lines![0],
    lines![1],
    lines![2],
    "broken:",
    `  G1  order-${SEEDS.fault} has no outcome`,
    "what happened, as far as it is about that, in ms (! a fault):",
    `! ${`${at}.0`.padStart(9)}  ${lines![2]!.trim().split("  ")[1]}`,
    `  ${`${at}.0`.padStart(9)}  order-${SEEDS.fault} is lost`,
    `again: deno task sim --seed ${SEEDS.fault}`,
  ]);
});

Deno.test("explainFailure: a failure without faults, and none at all", async () => {
  const lines = await explain(SEEDS.always);
  assertEquals(lines?.[2], "  no faults");
  assertEquals(lines?.[4]?.split("\n")[0], "  error  TypeError: a bug");
  assertEquals(await explain(SEEDS.never), undefined);
});

Deno.test("explainFailure: what is left breaks the same promise", async () => {
  /** G1 with a rebalance, else G2. */
  const either: RunPipeline = async (run) => {
    const { met, ...outcome } = await standIn({ ...run, seed: 0 });
    const promise = met.has("replicas rebalance") ? "G1" : "G2";
    return { ...outcome, met, violations: [{ promise, what: "x", orders: [] }] };
  };
  const lines = await explainFailure(SEEDS.fault, options, limits, () => {}, either);
  assertMatch(lines![2]!, /rebalances$/);
});

Deno.test("tellSeed: the same seed is told the same way", async () => {
  const lines = await tellSeed(SEEDS.fault, options, standIn);
  assertEquals(lines, await tellSeed(SEEDS.fault, options, standIn));
  assertEquals(lines.includes("broken:"), true);
});

Deno.test("commandFor: names what is not as usual", () => {
  assertEquals(commandFor(4, {}), "deno task sim --seed 4");
  assertEquals(
    commandFor(4, { orders: 7, brokers: 3, run: "copier" }),
    "deno task sim --seed 4 --orders 7 --brokers 3 --run copier",
  );
});
