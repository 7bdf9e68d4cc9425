/** A damaged batch ends where the next one begins, however large it is. */
import { randomBytes } from "node:crypto";
import { assertEquals } from "@std/assert";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { until } from "../../runtime/until.ts";
import { createClient } from "../client/client.ts";
import { Producer } from "../producer/producer.ts";
import { damageLog, flipBit } from "../testing/damaged_log.ts";
import { freshTopics, setTopicConfig } from "../testing/topics.ts";
import { withLogReader } from "./log_reader.ts";

const MIB = 1024 * 1024;

/** A batch each. */
const VALUES = [
  // lz4 makes it a hundred times smaller: limits of what is sent become as small as they can.
  Buffer.concat(Array(100).fill(randomBytes(50_000))),
  randomBytes(8 * MIB),
  Buffer.from("behind"),
];
const DAMAGED = 1;

Deno.test("log reader: steps over a damaged batch, and no further, behind a log that was a hundred times smaller", async () => {
  await using broker = await startTestBroker();
  const { names } = await freshTopics(broker.bootstrap, 1);
  const kafka = createClient({ brokers: [broker.bootstrap], compression: "lz4" }, "test");
  const topic = names.topic("orders.raw");
  await setTopicConfig(kafka, topic, { "max.message.bytes": String(16 * MIB) });
  for (const value of VALUES) {
    const send = async () => {
      const producer = await Producer.open(kafka, { deliveryTimeoutMs: 30_000 });
      const messages = [{ partition: 0, key: null, value, headers: {} }];
      await producer.send([{ topic, messages }]).finally(() => producer.close());
    };
    await until("the topic takes it", () => send().then(() => true, () => false));
  }
  await broker.stop();
  await damageLog(`${broker.directory}/log/${topic}-0`, { batch: DAMAGED, damage: flipBit });
  await broker.start();

  const read: number[] = [];
  const left: number[][] = [];
  await withLogReader(kafka, async (reader) => {
    const records = reader.read(topic, {
      onUnreadable: ({ offset, next }) => void left.push([offset, next]),
    });
    for await (const batch of records) {
      read.push(...batch.map(({ offset }) => offset));
    }
  });
  assertEquals({ read, left }, { read: [0, 2], left: [[DAMAGED, DAMAGED + 1]] });
});
