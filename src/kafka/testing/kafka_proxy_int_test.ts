import { assert, assertEquals, assertRejects } from "@std/assert";
import { createClient } from "../client/client.ts";
import { openPublisher } from "../producer/publisher.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, placed, publication, publishAll, readAll } from "./topics.ts";
import { sharedByTests } from "../../local/testing/test_broker.ts";
import { startProxiedBroker } from "./kafka_proxy.ts";

const proxied = sharedByTests(startProxiedBroker);

/**
 * A client that goes through the proxy, one that goes past it, and a topic with one record: a fresh
 * one may answer first that its leader does not know it yet.
 */
async function setUp() {
  const { kafka, names } = await freshTopics(proxied.broker.bootstrap, 1);
  const topic = names.topic("orders.raw");
  await publishAll(kafka, topic, [publication(placed(0))]);
  const client = createClient({ brokers: [proxied.proxy.bootstrap] }, names.prefix);
  return { past: kafka, through: client, topic, clientId: names.prefix };
}

Deno.test("startProxiedBroker: clients stay behind the proxy, Kafka's own tools go past it", async () => {
  const { proxy, broker } = proxied;
  const { past, through, topic, clientId } = await setUp();
  const before = proxy.requests("Produce");
  const publisher = await openPublisher(through, topic);
  await publisher.publish([publication(placed(1)), publication(placed(2))]);
  await publisher.close();
  assertEquals(proxy.requests("Produce"), before + 1);
  await proxy.cut("close");
  try {
    const admin = createClient({ brokers: [proxy.bootstrap] }, clientId).admin({
      retry: { retries: 0 },
    });
    await assertRejects(() => admin.connect());
    assertEquals((await readAll(past, topic)).length, 3);
    const printed = await broker.runTool("org.apache.kafka.tools.GetOffsetShell", [
      ...["--bootstrap-server", broker.bootstrap],
      ...["--topic", topic],
    ]);
    assertEquals(printed.trim(), `${topic}:0:3`);
  } finally {
    proxy.restore();
  }
});

Deno.test("KafkaProxy: a real answer that is held arrives when it is released", async () => {
  const { proxy } = proxied;
  const { past, through, topic, clientId } = await setUp();
  const rule = proxy.strike("Produce", "answer held", {
    match: (request) => request.clientId === clientId,
  });
  const publisher = await openPublisher(through, topic);
  let acknowledged = false;
  const published = publisher.publish([publication(placed(1))]).then(() => acknowledged = true);
  await until("it is held", () => rule.held === 1);
  assertEquals((await readAll(past, topic)).length, 2, "the broker has it");
  assert(!acknowledged);
  rule.release();
  await published;
  await publisher.close();
  assertEquals(rule.fired, 1);
});

Deno.test("KafkaProxy: a real request that is held is executed when it is released", async () => {
  const { proxy } = proxied;
  const { past, through, topic, clientId } = await setUp();
  const rule = proxy.strike("Produce", "request held", {
    match: (request) => request.clientId === clientId,
  });
  const publisher = await openPublisher(through, topic);
  const published = publisher.publish([publication(placed(1))]);
  await until("it is held", () => rule.held === 1);
  assertEquals((await readAll(past, topic)).length, 1, "the broker does not have it");
  rule.release();
  await published;
  await publisher.close();
  assertEquals((await readAll(past, topic)).length, 2);
});
