/** The Kafka in memory keeps the contract, with one node and with three, whatever its delays. */
import { CASES } from "./cases.ts";
import { onSimulatedKafka } from "./simulated_platform.ts";

const SEEDS = 20;

for (const { name, nodes: needed = 1, run } of CASES) {
  for (const nodes of [1, 3].filter((nodes) => nodes >= needed)) {
    Deno.test(`${nodes} simulated: ${name}`, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        await onSimulatedKafka({ nodes, seed }, run);
      }
    });
  }
}
