/** Following several topics, one of which is created anew: on a real Kafka. */
import { assertEquals } from "@std/assert";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, placed, publication, publishAll } from "../testing/topics.ts";
import { LogFollower } from "./log_follower.ts";
import type { Loss } from "./topic_positions.ts";

const PARTITIONS = 2;

Deno.test("follow: a topic that is created anew is read from its beginning, which is told; the others go on", async () => {
  await using broker = await startTestBroker();
  const { kafka, names } = await freshTopics(broker.bootstrap, PARTITIONS);
  const [kept, recreated] = [names.topic("orders.raw"), names.topic("orders.outcomes")];
  const read = new Map<string, string[]>([[kept, []], [recreated, []]]);
  const losses: Loss[] = [];
  const states: (string | undefined)[] = [];
  const follower = new LogFollower({
    kafka,
    access: { brokers: [broker.bootstrap] },
    topics: [kept, recreated],
    onBatch: ({ topic, records }) => {
      for (const { key } of records) read.get(topic)!.push(new TextDecoder().decode(key!));
    },
    onLoss: (_, loss) => void losses.push(loss),
    onState: (notReady) => void states.push(notReady),
  });
  const publish = (topic: string, from: number, to: number) =>
    publishAll(
      kafka,
      topic,
      Array.from({ length: to - from }, (_, i) => publication(placed(from + i))),
    );
  const untilRead = (topic: string, count: number) =>
    until(`${count} of ${topic} are read`, () => read.get(topic)!.length >= count);
  const admin = kafka.admin();
  await admin.connect();
  const stop = new AbortController();
  const following = follower.follow(stop.signal);
  try {
    for (const topic of [kept, recreated]) await publish(topic, 0, 20);
    for (const topic of [kept, recreated]) await untilRead(topic, 20);
    assertEquals(follower.notReady(), undefined);
    await admin.deleteTopics({ topics: [recreated] });
    await until("it is told that it is away", () => follower.notReady() !== undefined);
    await publish(kept, 20, 40);
    await untilRead(kept, 40);
    // On a busy machine it may be created, and say that it was not.
    await until("it is there again", async () => {
      const topics = [{ topic: recreated, numPartitions: PARTITIONS }];
      await admin.createTopics({ topics }).catch(() => {});
      return (await admin.listTopics()).includes(recreated);
    });
    await publish(recreated, 40, 60);
    await untilRead(recreated, 40);
    await until("all is read again", () => follower.notReady() === undefined);
  } finally {
    stop.abort();
    await following;
    await admin.disconnect();
  }
  const idsOf = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => placed(from + i).orderId);
  assertEquals(read.get(kept)!.toSorted(), idsOf(0, 40));
  assertEquals(read.get(recreated)!.toSorted(), [...idsOf(0, 20), ...idsOf(40, 60)]);
  assertEquals(losses, [{ topic: recreated, why: "recreated", count: PARTITIONS }]);
  assertEquals([states.length > 2, states.at(-1)], [true, undefined]);
});
