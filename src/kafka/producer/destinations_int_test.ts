/** Sends to partitions and topics that are not there, on a real broker. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Kafka } from "kafkajs";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { freshTopics, readAll } from "../testing/topics.ts";
import { openTransactionalSender } from "./transactional_sender.ts";
import { ProducerError } from "../client/error_codes.ts";
import { Producer } from "./producer.ts";

const broker = sharedByTests(startTestBroker);

/** All writers to a given partition. */
const SENDERS: {
  what: string;
  send: (kafka: Kafka, topic: string, partitions: number[]) => Promise<void>;
}[] = [
  ...["an-id", undefined].map((transactionalId) => ({
    what: transactionalId ? "a transaction" : "an idempotent send",
    async send(kafka: Kafka, topic: string, partitions: number[]) {
      const producer = await Producer.open(kafka, {
        ...transactionalId && { transactionalId: `${topic}-${transactionalId}` },
        transactionTimeoutMs: 6_000,
        deliveryTimeoutMs: 60_000,
      });
      try {
        const messages = partitions.map((partition) => ({ partition, value: "v" }));
        await producer.send([{ topic, messages }]);
        await producer.commit();
      } finally {
        await producer.close();
      }
    },
  })),
  {
    what: "a replay",
    async send(kafka, topic, partitions) {
      const sender = await openTransactionalSender(kafka, `${topic}-replay`);
      try {
        const nothing = { key: null, value: null, headers: {} };
        await sender.send(partitions.map((partition) => ({ topic, partition, ...nothing })));
      } finally {
        await sender.close();
      }
    },
  },
];
for (const { what, send } of SENDERS) {
  for (const missing of ["partition", "topic"] as const) {
    Deno.test(`${what} to a ${missing} that is not there fails in words, and nothing of it is written`, async () => {
      const { kafka, names } = await freshTopics(broker.bootstrap, 2);
      const topic = names.topic("orders.validated");
      const there = names.topic("orders.raw");
      const [to, words] = missing === "partition"
        ? [topic, "has no partition 2, only 0 to 1; `deno task topics`"] as const
        : [`${topic}.gone`, `there is no topic ${topic}.gone; \`deno task topics\``] as const;
      const error = await assertRejects(() => send(kafka, to, [0, 2]), ProducerError, words);
      assertEquals([error.type, error.remedy], ["NO_SUCH_PARTITION", "end"]);
      assertEquals(await readAll(kafka, topic), []);
      await send(kafka, there, [0, 1]);
      assertEquals((await readAll(kafka, there)).length, 2);
    });
  }
}
