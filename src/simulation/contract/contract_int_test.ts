/** A real Kafka keeps the contract, with one node and with three. */
import {
  sharedByTests,
  startTestBroker,
  startTestCluster,
} from "../../local/testing/test_broker.ts";
import { CASES } from "./cases.ts";
import { onKafka, SETTINGS } from "./kafka_platform.ts";

const broker = sharedByTests(() => startTestBroker(SETTINGS));

for (const { name, nodes = 1, run } of CASES) {
  if (nodes === 1) Deno.test(`one node: ${name}`, () => onKafka(broker, run));
}

Deno.test("three nodes", async (test) => {
  await using cluster = await startTestCluster({ overrides: SETTINGS });
  for (const { name, run } of CASES) await test.step(name, () => onKafka(cluster, run));
});
