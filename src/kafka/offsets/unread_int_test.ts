/** What waits behind a committed offset, on a real log: messages count, control records do not. */
import { assertEquals } from "@std/assert";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { freshTopics, until } from "../testing/topics.ts";
import { createUnread } from "./backlog.ts";

Deno.test("unread: control records at the end count until they are known; messages go on counting", async () => {
  await using broker = await startTestBroker();
  const { kafka, names } = await freshTopics(broker.bootstrap, 2);
  const topic = names.topic("orders.validated");
  const producer = kafka.producer({
    transactionalId: "t",
    idempotent: true,
    maxInFlightRequests: 1,
  });
  const unread = createUnread(kafka);
  try {
    await producer.connect();
    const transaction = await producer.transaction();
    // Two messages in partition 0: offsets 0 and 1, and a control record at 2.
    await transaction.send({
      topic,
      messages: ["a", "b"].map((value) => ({ value, partition: 0 })),
    });
    await transaction.commit();
    const caughtUp = () => unread.messages(topic, 0, 2, 3);
    const behind = () => unread.messages(topic, 0, 1, 3);
    assertEquals([caughtUp(), behind()], [1, 2]);
    await until("the control record is known", async () => {
      caughtUp();
      await unread.look(AbortSignal.timeout(10_000));
      return caughtUp() === 0;
    });
    for (let looks = 0; looks < 3; looks++) {
      assertEquals(behind(), 2);
      await unread.look(AbortSignal.timeout(10_000));
    }
    assertEquals(unread.messages(topic, 0, 2, 4), 2, "what came later is not known");
    assertEquals(unread.messages(topic, 1, 0, 0), 0);
    assertEquals(
      unread.messages(topic, 0, 0, 5_000),
      5_000,
      "so much is not control records alone",
    );
  } finally {
    await unread.close();
    await producer.disconnect();
  }
});
