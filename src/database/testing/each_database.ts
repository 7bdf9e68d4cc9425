/** Tests of what every `Database` does: the real ones, and the simulation's in memory. */
import { SimulatedDatabases } from "../../simulation/databases/databases.ts";
import { Random } from "../../simulation/random.ts";
import { VirtualTime } from "../../simulation/time.ts";
import { eachStore, type Place } from "./stores.ts";

/** Declares one test for each backend, and for the databases of the simulation, which opens them only. */
export function eachDatabase(
  name: string,
  body: (place: Pick<Place, "open">) => Promise<void>,
): void {
  eachStore(name, body);
  Deno.test(`${name} (simulated)`, async () => {
    const databases = new SimulatedDatabases(REAL_TIME, new Random(1), 0);
    const process = new VirtualTime(new Random(1)).process("tester");
    const open: Place["open"] = (owner, tables) =>
      Promise.resolve(databases.open(process, owner, tables));
    await body({ open });
  });
}

const REAL_TIME = {
  get now() {
    return performance.now();
  },
  deliver(_process: unknown, afterMs: number, callback: () => void) {
    if (afterMs === 0) queueMicrotask(callback);
    else setTimeout(callback, afterMs);
    return () => {};
  },
};
