/** The Kafka in memory keeps the contract, with one node and with three, whatever its delays. */
import { assertEquals } from "@std/assert";
import { CASES } from "./cases.ts";
import { runScript } from "./script.ts";
import { onSimulatedKafka } from "./simulated_platform.ts";

const SEEDS = 20;
const SCRIPTS = 20;

for (const { name, nodes: needed = 1, run } of CASES) {
  for (const nodes of [1, 3].filter((nodes) => nodes >= needed)) {
    Deno.test(`${nodes} simulated: ${name}`, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) await onSimulatedKafka({ nodes, seed }, run);
    });
  }
}

async function answers(nodes: number, seed: number, script: number): Promise<string[]> {
  const lines: string[] = [];
  await onSimulatedKafka({ nodes, seed }, async (platform) => {
    lines.push(...await runScript(platform, script));
  });
  return lines;
}

for (const nodes of [1, 3]) {
  Deno.test(`${nodes} simulated: a script has the same answers, whatever the delays`, async () => {
    for (let script = 1; script <= SCRIPTS; script++) {
      assertEquals(await answers(nodes, 1, script), await answers(nodes, 2, script));
    }
  });
}
