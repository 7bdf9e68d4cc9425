/** Every codec, by every reader: as Kafka's own clients write it, and as they read what we write. */
import { assertEquals } from "@std/assert";
import type { Kafka } from "kafkajs";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { configureLogging } from "../../runtime/log.ts";
import { type Compression, COMPRESSIONS } from "../access.ts";
import type { Names } from "../../topology.ts";
import { createClient } from "../client/client.ts";
import { EventFollower } from "../readers/event_follower.ts";
import { createGroupConsumer } from "../group_consumer/group_consumer.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  readAll,
  refuse,
  startValidator,
} from "../testing/topics.ts";

/** Several batches of each partition, in one fetch. */
const ORDERS = 400;
const LIMIT_MS = 60_000;

const broker = sharedByTests(startTestBroker);

const CODECS = COMPRESSIONS.filter((name) => name !== "none");
const log = configureLogging("test", "error", "text");
const orderIds = Array.from({ length: ORDERS }, (_, i) => placed(i).orderId);

async function produceWithJava(names: Names, codec: Compression): Promise<void> {
  const lines = Array.from({ length: ORDERS }, (_, i) => {
    const order = placed(i);
    return `${order.orderId}\t${JSON.stringify(order)}\n`;
  });
  await broker.runTool("org.apache.kafka.tools.ConsoleProducer", [
    ...["--bootstrap-server", broker.bootstrap, "--topic", names.topic("orders.raw")],
    ...["--compression-codec", codec, "--reader-property", "parse.key=true"],
    ...["--batch-size", "8000", "--command-property", "linger.ms=200"],
  ], { stdin: lines.join("") });
}

/** The keys of orders.raw as each reader gets them. */
const READERS: Record<string, (kafka: Kafka, names: Names) => Promise<string[]>> = {
  "a service": async (kafka, names) => {
    const validator = startValidator(broker.bootstrap, names, refuse);
    const outcomes = names.topic("orders.outcomes");
    const keys = async () =>
      (await readAll(kafka, outcomes)).map(({ key }) => new TextDecoder().decode(key!));
    await until("all have an outcome", async () => (await keys()).length >= ORDERS, LIMIT_MS);
    await validator.stop();
    return await keys();
  },
  "the log": async (kafka, names) =>
    (await readAll(kafka, names.topic("orders.raw")))
      .map(({ key }) => new TextDecoder().decode(key!)),
};

for (const codec of CODECS) {
  Deno.test(`orders that Java compressed with ${codec} are read by a service and from the log`, async () => {
    const { kafka, names } = await freshTopics(broker.bootstrap, 2);
    await produceWithJava(names, codec);
    for (const [reader, keysOf] of Object.entries(READERS)) {
      assertEquals((await keysOf(kafka, names)).toSorted(), orderIds, reader);
    }
  });
}

Deno.test("orders in batches of every codec, written by us, are read by Java and by analytics", async () => {
  const { names } = await freshTopics(broker.bootstrap, 2);
  // A topic that analytics reads.
  const topic = names.topic("orders.outcomes");
  const { events } = await refuse(
    orderIds.map((_, i) => ({
      event: placed(i),
      topic: "orders.raw" as const,
      partition: 0,
      raw: { offset: 0, key: null, value: null, headers: {} },
    })),
  );
  const encoder = new TextEncoder();
  const outcomes = events.map((event) => ({
    ...publication(placed(0)),
    key: event.orderId,
    value: encoder.encode(JSON.stringify(event)),
  }));
  const share = ORDERS / COMPRESSIONS.length;
  for (const [i, compression] of COMPRESSIONS.entries()) {
    const kafka = createClient({ brokers: [broker.bootstrap], compression }, "test");
    await publishAll(kafka, topic, outcomes.slice(i * share, (i + 1) * share));
  }
  const printed = await broker.runTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
    ...["--bootstrap-server", broker.bootstrap, "--topic", topic, "--from-beginning"],
    ...["--max-messages", String(ORDERS), "--timeout-ms", "30000"],
    ...["--formatter-property", "print.key=true", "--formatter-property", "print.value=false"],
  ]);
  assertEquals(printed.trim().split("\n").toSorted(), orderIds);
  const read: Record<string, string[]> = { "group consumer": [], "event follower": [] };
  const options = (reader: string) => ({
    access: { brokers: [broker.bootstrap] },
    clientId: "test",
    names,
    log,
    onEvents: (all: readonly { orderId: string }[]) =>
      void read[reader]!.push(...all.map(({ orderId }) => orderId)),
  });
  const follower = new EventFollower({ ...options("event follower"), topics: ["orders.outcomes"] });
  await follower.readToEnd(new AbortController().signal);
  const stop = new AbortController();
  const consumer = createGroupConsumer({
    ...options("group consumer"),
    service: "analytics",
    drainTimeoutMs: 10_000,
  });
  const reading = consumer.run(stop.signal);
  await until(
    "the group consumer has all",
    () => read["group consumer"]!.length >= ORDERS,
    LIMIT_MS,
  );
  stop.abort();
  await reading;
  for (const [reader, keys] of Object.entries(read)) {
    assertEquals(keys.toSorted(), orderIds, reader);
  }
});
