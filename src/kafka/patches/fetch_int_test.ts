import { assertEquals } from "@std/assert";
import type { Kafka } from "kafkajs";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, readAll } from "../testing/topics.ts";

/** A producer in the middle of a transaction. */
async function begin(kafka: Kafka, topic: string) {
  const producer = kafka.producer({
    transactionalId: crypto.randomUUID(),
    maxInFlightRequests: 1,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  return {
    write: (value: string) =>
      transaction.send({ topic, acks: -1, messages: [{ partition: 0, value }] }),
    async end(how: "commit" | "abort") {
      await transaction[how]();
      await producer.disconnect();
    },
  };
}

Deno.test("readers: nothing of two aborted transactions that overlap, the later one aborted first", async () => {
  await using broker = await startTestBroker();
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const topic = names.topic("orders.raw");
  const early = await begin(kafka, topic);
  const late = await begin(kafka, topic);
  const good = await begin(kafka, topic);
  await early.write("aborted 1");
  await late.write("aborted 2");
  await good.write("committed 1");
  await late.end("abort");
  await early.write("aborted 3");
  await early.end("abort");
  await good.write("committed 2");
  await good.end("commit");

  const committed = ["committed 1", "committed 2"];
  assertEquals((await readAll(kafka, topic)).map(({ value }) => String(value)), committed);

  const consumed: string[] = [];
  const consumer = kafka.consumer({ groupId: names.group("validator") });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage({ message }) {
        consumed.push(String(message.value));
        return Promise.resolve();
      },
    });
    await until("the last record was consumed", () => consumed.includes("committed 2"));
  } finally {
    await consumer.disconnect();
  }
  assertEquals(consumed, committed);
});
