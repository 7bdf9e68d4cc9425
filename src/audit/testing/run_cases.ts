/** What the simulator's ledger says of its runs, and orders.raw does not. */
import { type Case, N, row } from "./case.ts";
import { FATES } from "./orders.ts";
import { appendRecord, bury, orderId, RUN, type World } from "./world.ts";

/** What the simulator's ledger says of the run. */
function setRun(world: World, { acknowledged, placed }: { acknowledged: number; placed: number }) {
  row(world, "runs", RUN).acknowledged = acknowledged;
  row(world, "placements", RUN).placed = placed;
}

export const RUN_CASES: readonly Case[] = [
  {
    name: "an acknowledged order is lost",
    spoil: (world) => setRun(world, { acknowledged: FATES.length + 1, placed: FATES.length + 1 }),
    fails: ["acknowledged"],
    who: orderId(FATES.length),
    says: /^was acknowledged, but is not in orders\.raw$/,
  },
  {
    name: "an order that nobody placed",
    spoil: (world) => setRun(world, { acknowledged: 0, placed: N.parked }),
    fails: ["acknowledged"],
    who: orderId(N.parked),
  },
  {
    name: "an order far beyond those that anybody placed",
    spoil: (world) => {
      const raw = appendRecord(world, "orders.raw", 0, orderId(5_000_000), null);
      bury(world, "validator", raw, "empty_value");
    },
    fails: ["acknowledged"],
    who: orderId(5_000_000),
  },
  {
    name: "a run that is finished, and has orders that are not acknowledged",
    spoil: (world) => setRun(world, { acknowledged: FATES.length, placed: FATES.length + 1 }),
    fails: ["acknowledged"],
    who: "run r1",
  },
];
