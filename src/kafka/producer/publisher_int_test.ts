import { assertEquals } from "@std/assert";
import { createClient } from "../client/client.ts";
import { openPublisher, type Publisher } from "./publisher.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, placed, publication } from "../testing/topics.ts";
import type { Fault } from "../testing/fault_rule.ts";
import type { ApiName } from "../testing/kafka_frames.ts";
import {
  countsOf,
  LIMIT_MS,
  NOTHING,
  REQUEST_TIMEOUT_MS,
  strike,
  testFaults,
  untilThrough,
  wrongIn,
} from "../testing/lost_answers.ts";
import { sharedByTests } from "../../local/testing/test_broker.ts";
import { startProxiedBroker } from "../testing/kafka_proxy.ts";

const ORDERS = 300;
const BATCH = 20;

const proxied = sharedByTests(startProxiedBroker);

for (const api of ["InitProducerId", "Produce"] as const) {
  testFaults(
    `openPublisher: what it acknowledged is there once, whatever becomes of ${api}`,
    (fault) => keepsItsWord(api, fault),
  );
}

async function keepsItsWord(api: ApiName, fault: Fault): Promise<void> {
  const { broker, proxy } = proxied;
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const topic = names.topic("orders.raw");
  const client = createClient({ brokers: [proxy.bootstrap] }, names.prefix, {
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  const rule = strike(proxy, api, fault, { client: names.prefix, times: 3 });
  const acknowledged: string[] = [];
  const unknown: string[] = [];
  let sequence = 0;
  let publisher: Publisher | undefined;
  /** As its contract has it: after a rejection another publisher goes on. */
  const publish = async () => {
    const orders = Array.from({ length: BATCH }, () => placed(sequence++));
    const ids = orders.map(({ orderId }) => orderId);
    try {
      publisher ??= await openPublisher(client, topic);
    } catch {
      return;
    }
    try {
      await publisher.publish(orders.map(publication));
      acknowledged.push(...ids);
    } catch {
      unknown.push(...ids);
      await publisher.close();
      publisher = undefined;
    }
  };
  await until("the fault has struck", async () => {
    await publish();
    return rule.struckAll && acknowledged.length >= ORDERS;
  }, LIMIT_MS);
  await untilThrough(rule);
  await publish();
  await publisher?.close();
  const counts = await countsOf(kafka, topic);
  // These may have been written, but not twice.
  for (const id of unknown) if (!counts.has(id)) counts.set(id, 1);
  assertEquals(wrongIn(counts, [...acknowledged, ...unknown]), NOTHING);
}
