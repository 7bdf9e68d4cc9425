/** What waits behind a committed offset, on a real log: messages count, control records do not. */
import { assertEquals } from "@std/assert";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { openGroupOffsets } from "../offsets/committed_offsets.ts";
import { until } from "../../runtime/until.ts";
import { Producer } from "../producer/producer.ts";
import { damageEnd } from "../testing/damaged_log.ts";
import { freshTopics } from "../testing/topics.ts";
import { allCaughtUp, createUnread, whatWaits } from "./backlog.ts";

const broker = sharedByTests(startTestBroker);

/** Topics, and two messages in partition 0 of orders.validated: offsets 0 and 1, a control record at 2. */
async function publishTwo({ bootstrap } = broker) {
  const { kafka, names } = await freshTopics(bootstrap, 2);
  const topic = names.topic("orders.validated");
  const producer = kafka.producer({
    transactionalId: names.prefix,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  try {
    const transaction = await producer.transaction();
    await transaction.send({
      topic,
      messages: ["a", "b"].map((value) => ({ value, partition: 0 })),
    });
    await transaction.commit();
  } finally {
    await producer.disconnect();
  }
  return { kafka, names, topic };
}

Deno.test("unread: control records at the end count until they are known; messages go on counting", async () => {
  const { kafka, topic } = await publishTwo();
  const unread = createUnread(kafka);
  try {
    const caughtUp = () => unread.messages(topic, 0, 2, 3);
    const behind = () => unread.messages(topic, 0, 1, 3);
    assertEquals([caughtUp(), behind()], [1, 2]);
    await until("the control record is known", async () => {
      caughtUp();
      await unread.refresh(AbortSignal.timeout(10_000));
      return caughtUp() === 0;
    });
    for (let times = 0; times < 3; times++) {
      assertEquals(behind(), 2);
      await unread.refresh(AbortSignal.timeout(10_000));
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
  }
});

Deno.test("unread: a batch whose end is not known counts, and keeps no other topic from being known", async () => {
  await using own = await startTestBroker();
  const { kafka, names, topic } = await publishTwo(own);
  const damaged = names.topic("orders.raw");
  const producer = await Producer.open(kafka, { deliveryTimeoutMs: 30_000 });
  for (let batch = 0; batch < 2; batch++) {
    const messages = [{ partition: 0, key: null, value: "x".repeat(100), headers: {} }];
    await producer.send([{ topic: damaged, messages }]);
  }
  await producer.close();
  await own.stop();
  await damageEnd(`${own.directory}/log/${damaged}-0`, 0);
  await own.start();
  const unread = createUnread(kafka);
  try {
    await until("the control record is known", async () => {
      assertEquals(unread.messages(damaged, 0, 0, 2), 2);
      const waiting = unread.messages(topic, 0, 2, 3);
      await unread.refresh(AbortSignal.timeout(10_000));
      return waiting === 0;
    });
  } finally {
    await unread.close();
  }
});

Deno.test("whatWaits and allCaughtUp: the messages behind each group's offset, until all are committed", async () => {
  const { kafka, names, topic } = await publishTwo();
  const groups = ["inventory", "payment"].map((service) => names.prefix + service);
  const offsets = groups.map((group) => openGroupOffsets(kafka, group));
  const commit = (i: number, offset: number) =>
    offsets[i]!.commit([{ topic, partition: 0, offset }]);
  const waiting = (messages: number) =>
    groups.map((group) => ({ group, topic, partition: 0, messages }));
  try {
    // The transaction's marker may be on its way.
    const known = async () => (await whatWaits(kafka, names)).length === groups.length;
    await until("they can be read", known);
    assertEquals(await whatWaits(kafka, names), waiting(2));
    for (const i of groups.keys()) await commit(i, 1);
    assertEquals(await whatWaits(kafka, names), waiting(1));
    assertEquals(await allCaughtUp(kafka, names), false);
    await commit(0, 2);
    assertEquals(await whatWaits(kafka, names), waiting(1).slice(1));
    await commit(1, 2);
    assertEquals(await whatWaits(kafka, names), []);
    assertEquals(await allCaughtUp(kafka, names), true);
  } finally {
    await Promise.all(offsets.map((group) => group.close()));
  }
});
