import { assertEquals, assertRejects } from "@std/assert";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { DEAD_LETTER_HEADERS, sha256 } from "../dead_letters.ts";
import { Producer } from "../producer/producer.ts";
import { withLogReader } from "../readers/log_reader.ts";
import { Skips } from "./skips.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, recreateTopic } from "../testing/topics.ts";
import { type Unreadable, UnreadableBatch } from "../protocol/unreadable.ts";

const { reason, topic, partition, offset, valueSha256, nextOffset } = DEAD_LETTER_HEADERS;

const batchAt = (first: number): Unreadable => ({
  offset: first,
  next: first + 3,
  endless: false,
  why: "its checksum is wrong",
  bytes: new Uint8Array([first]),
});

Deno.test("Skips: a decision is read in a dead-letter topic that was created anew, too", async () => {
  await using broker = await startTestBroker();
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const input = { topic: names.topic("orders.raw"), partition: 0 };
  const dlq = names.topic("dlq.validator");
  const decide = async (batches: readonly Unreadable[]) => {
    const producer = await Producer.open(kafka, { deliveryTimeoutMs: 30_000 });
    const messages = batches.map(({ offset: first, next, bytes }) => ({
      partition: 0,
      key: null,
      value: null,
      headers: {
        [reason]: "unreadable",
        [topic]: input.topic,
        [partition]: "0",
        [offset]: String(first),
        [nextOffset]: String(next),
        [valueSha256]: sha256(bytes),
      },
    }));
    await producer.send([{ topic: dlq, messages }]);
    await producer.close();
  };
  const skips = new Skips((work) => withLogReader(kafka, work), "validator", names);
  const nextAfter = (first: number) => skips.nextAfter(input, batchAt(first));
  await decide([batchAt(0), batchAt(3)]);
  assertEquals([await nextAfter(0), await nextAfter(3)], [3, 6]);
  await assertRejects(() => nextAfter(6), UnreadableBatch, "0@6");

  await recreateTopic(kafka, dlq, 1);
  await decide([batchAt(6)]);
  await until("it is read", () => nextAfter(6).then((next) => next === 9, () => false));
});
