/** A real Kafka keeps the contract, with one node and with three, and answers scripts as the one in memory does. */
import { assertEquals } from "@std/assert";
import { startTestBroker, startTestCluster } from "../../local/testing/test_broker.ts";
import { CASES } from "./cases.ts";
import type { Case } from "./contract.ts";
import { onKafka, type RunningKafka, SETTINGS } from "./kafka_platform.ts";
import { runScript } from "./script.ts";
import { onSimulatedKafka } from "./simulated_platform.ts";

const ONE_NODE = CASES.filter(({ nodes }) => nodes !== 3);
const THREE_NODES = CASES.filter(({ nodes }) => nodes === 3);
/** So many cases at once: most of what one takes is waiting. */
const AT_ONCE = 6;

Deno.test("one node", async (test) => {
  await using broker = await startTestBroker(SETTINGS);
  await test.step("its cases", () => allOf(ONE_NODE, broker));
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    await test.step(`script ${seed}`, () => sameAnswers(broker, 1, seed));
  }
});

Deno.test("three nodes", async (test) => {
  await using cluster = await startTestCluster({ overrides: SETTINGS });
  await test.step("the cases of one node", () => allOf(ONE_NODE, cluster));
  for (const seed of [1, 2, 3]) {
    await test.step(`script ${seed}`, () => sameAnswers(cluster, 3, seed));
  }
  for (const { name, run } of THREE_NODES) await test.step(name, () => onKafka(cluster, run));
});

/** @throws {AggregateError} its message names those that failed, its errors tell why */
async function allOf(cases: readonly Case[], kafka: RunningKafka): Promise<void> {
  const left = [...cases];
  const failures: Error[] = [];
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const { name, run } = next;
      await onKafka(kafka, run).catch((cause) => failures.push(new Error(name, { cause })));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (failures.length > 0) {
    throw new AggregateError(failures, failures.map(({ message }) => message).join("; "));
  }
}

async function sameAnswers(kafka: RunningKafka, nodes: number, seed: number): Promise<void> {
  const [real, simulated]: string[][] = [[], []];
  await onKafka(kafka, async (platform) => {
    real!.push(...await runScript(platform, seed));
  });
  await onSimulatedKafka({ nodes, seed }, async (platform) => {
    simulated!.push(...await runScript(platform, seed));
  });
  assertEquals(simulated, real);
}
