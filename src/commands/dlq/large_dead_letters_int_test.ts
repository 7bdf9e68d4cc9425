/** Dead letters of messages that are larger than their topic takes: they fit all the same. */
import { assertEquals, assertMatch } from "@std/assert";
import { Registry } from "prom-client";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import type { Logger } from "../../runtime/log.ts";
import { createClient } from "../../kafka/client/client.ts";
import { DEAD_LETTER_HEADERS, sha256 } from "../../kafka/dead_letters.ts";
import type { LogRecord } from "../../kafka/records.ts";
import { createProcessorMetrics } from "../../kafka/metrics.ts";
import { Producer } from "../../kafka/producer/producer.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  PROBE,
  readAll,
  refuse,
  setRefusing,
  setTopicConfig,
  startValidator,
} from "../../kafka/testing/topics.ts";
import { openTransactionalSender } from "../../kafka/producer/transactional_sender.ts";
import type { Names } from "../../topology.ts";
import { runCommand } from "../testing/fixtures.ts";

const broker = sharedByTests(startTestBroker);

type Kafka = ReturnType<typeof createClient>;

interface Message {
  readonly what: string;
  readonly key: string;
  readonly value: string;
  readonly headers: Record<string, string>;
  /** What is cut of its dead letter; undefined: nothing. */
  readonly cut?: string;
}

const MEGABYTE = 1024 * 1024;
const long = "x".repeat(3 * MEGABYTE);
const MESSAGES: readonly Message[] = [
  { what: "a small one", key: "a", value: "{", headers: { own: "kept" } },
  { what: "3 MiB of value", key: "b", value: long, headers: { own: "kept" }, cut: "value" },
  { what: "3 MiB of key", key: long, value: "{", headers: {}, cut: "key" },
  {
    what: "3 MiB of a header",
    key: "c",
    value: "{",
    headers: { long, own: "kept" },
    cut: "headers",
  },
  {
    what: "a name of 1 MiB",
    key: "d",
    value: "{",
    headers: { [long.slice(0, MEGABYTE)]: "1" },
    cut: "headers",
  },
  {
    what: "30,000 headers",
    key: "e",
    value: "{",
    headers: Object.fromEntries(
      Array.from({ length: 30_000 }, (_, i) => [`header-${i}`, "some text"]),
    ),
    cut: "headers",
  },
  { what: "too much of all", key: long, value: long, headers: { long }, cut: "value,key,headers" },
  // Each fits, and all of them together are more than one request may have.
  ...Array.from({ length: 6 }, (_, i) => ({
    what: `one of several of 700 KiB, ${i}`,
    key: `f${i}`,
    value: "y".repeat(700 * 1024),
    headers: {},
  })),
  {
    what: "what says of itself that it was cut",
    key: "g",
    value: "{",
    headers: { "dlq-cut": "value" },
  },
];

/** Topics whose orders.raw takes 10 MiB, and its dead letters what topics take by default. */
async function publishLarge(): Promise<{ kafka: Kafka; names: Names }> {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const topic = names.topic("orders.raw");
  await setTopicConfig(kafka, topic, { "max.message.bytes": String(10 * MEGABYTE) });
  const send = async (messages: readonly Message[]) => {
    const producer = await Producer.open(kafka, { deliveryTimeoutMs: 30_000 });
    try {
      for (const { key, value, headers } of messages) {
        await producer.send([{
          topic,
          messages: [{ key, value: Buffer.from(value), headers, partition: 0 }],
        }]);
      }
    } finally {
      await producer.close();
    }
  };
  await until(
    "orders.raw takes large messages",
    () => send(MESSAGES.slice(0, 2)).then(() => true, () => false),
  );
  await send(MESSAGES.slice(2));
  return { kafka, names };
}

const keyOf = ({ key }: LogRecord) => new TextDecoder().decode(key ?? undefined);

Deno.test("dead letters: whatever is too large is cut, its size and checksum are kept, and it is replayed from its source", async (t) => {
  const { kafka, names } = await publishLarge();
  const sources = await readAll(kafka, names.topic("orders.raw"));
  const metrics = createProcessorMetrics(new Registry());
  const validator = startValidator(broker.bootstrap, names, refuse, { metrics });
  const deadLetters = () => readAll(kafka, names.topic("dlq.validator"));
  await until("all are dead letters", async () => (await deadLetters()).length >= sources.length);
  await validator.stop();
  const all = await deadLetters();
  assertEquals(all.length, sources.length);
  const counts = (await metrics.deadLetters.get()).values.map(({ value }) => value);
  assertEquals(counts.reduce((sum, count) => sum + count, 0), sources.length);

  const h = DEAD_LETTER_HEADERS;
  const first = sources.length - MESSAGES.length;
  for (const [i, message] of MESSAGES.entries()) {
    await t.step(message.what, () => {
      const source = sources[first + i]!;
      const deadLetter = all[first + i]!;
      assertEquals(deadLetter.headers[h.offset], String(source.offset));
      assertEquals(deadLetter.headers[h.cut], message.cut);
      const size = message.cut && String(source.value!.length);
      assertEquals(deadLetter.headers[h.valueBytes], size);
      assertEquals(deadLetter.headers[h.valueSha256], message.cut && sha256(source.value));
      // What is kept is what it begins with.
      const begins = (part: Uint8Array | null, whole: Uint8Array | null) =>
        Buffer.compare(part!, whole!.subarray(0, part!.length)) === 0;
      assertEquals([begins(deadLetter.key, source.key), begins(deadLetter.value, source.value)], [
        true,
        true,
      ]);
      if (!message.cut) assertEquals(deadLetter.value!.length, source.value!.length);
      assertEquals(deadLetter.headers.own, source.headers.own);
    });
  }

  const options = { bootstrap: broker.bootstrap, prefix: names.prefix };
  const dlq = (...args: string[]) => runCommand("commands/dlq/main.ts", args, options);
  const largest = first + MESSAGES.findIndex(({ cut }) => cut === "value,key,headers");
  const idOf = (index: number) => `0@${all[index]!.offset}`;

  await t.step("show says what was cut, and shows the whole", async () => {
    const { stdout } = await dlq("show", "validator", idOf(largest));
    assertMatch(
      stdout,
      /\ncut in the dead letter: value,key,headers; this is the whole, from .*raw\/0 off/,
    );
    assertMatch(stdout, new RegExp(`\nvalue, ${3 * MEGABYTE} bytes:\n`));
  });

  await t.step("replay sends the whole", async () => {
    const { code, stderr } = await dlq("replay", "validator", idOf(largest));
    assertEquals([code, stderr], [0, ""]);
    const copy = (await readAll(kafka, names.topic("orders.raw"))).at(-1)!;
    assertEquals(Object.keys(copy.headers).toSorted(), ["long", "replayed-from"]);
    assertEquals([keyOf(copy), copy.headers.long], [long, long]);
    assertEquals(Buffer.compare(copy.value!, Buffer.from(long)), 0);
  });

  await t.step("another message at the place of the source is not taken for it", async () => {
    const deadLetter = all[largest]!;
    const sender = await openTransactionalSender(kafka, `${names.prefix}test`);
    const headers = { ...deadLetter.headers, [h.valueSha256]: sha256(null) };
    await sender.send([{ ...deadLetter, headers }]);
    await sender.close();
    const last = (await deadLetters()).at(-1)!;
    const { code, stderr } = await dlq("replay", "validator", `0@${last.offset}`);
    assertEquals(code, 1);
    assertMatch(stderr, /cannot be replayed: .* is another message: the topic was made anew since/);
  });

  await t.step("where the source is gone, show says so, and a replay is refused", async () => {
    const cut = first + MESSAGES.findIndex(({ cut }) => cut === "value");
    const admin = kafka.admin();
    await admin.connect();
    const gone = String(sources[cut]!.offset + 1);
    const partitions = [{ partition: 0, offset: gone }];
    // Without it kafkajs knows no topic yet.
    await admin.fetchTopicOffsets(names.topic("orders.raw"));
    await admin.deleteTopicRecords({ topic: names.topic("orders.raw"), partitions });
    await admin.disconnect();
    const says = new RegExp(
      `orders\\.raw/0 offset ${sources[cut]!.offset} is gone: the log begins at offset ${gone} now`,
    );
    const { stdout } = await dlq("show", "validator", idOf(cut));
    assertMatch(stdout, /cut in the dead letter: value; this is what was kept, for /);
    assertMatch(stdout, says);
    const { code, stderr } = await dlq("replay", "validator", idOf(cut));
    assertEquals(code, 1);
    assertMatch(stderr, /was cut \(value\) and cannot be replayed: /);
    assertMatch(stderr, says);
  });
});

Deno.test("dead letters are counted and logged when they are committed, however often that was tried", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  await setRefusing(kafka, names.topic("dlq.validator"), true);
  const producer = await Producer.open(kafka, { deliveryTimeoutMs: 30_000 });
  const message = { key: "a", value: Buffer.from("{"), partition: 0 };
  await producer.send([{ topic: names.topic("orders.raw"), messages: [message] }]);
  await producer.close();
  const metrics = createProcessorMetrics(new Registry());
  const lines: string[] = [];
  const note = (line: unknown) => void lines.push(String(line));
  const validator = startValidator(broker.bootstrap, names, refuse, {
    metrics,
    log: { debug: note, info: note, warn: note } as unknown as Logger,
  });
  const counted = async () => (await metrics.deadLetters.get()).values[0]?.value ?? 0;
  const restarts = async () => (await metrics.partitionRestarts.get()).values[0]?.value ?? 0;
  await until("it was tried twice", async () => await restarts() >= 2);
  assertEquals(await counted(), 0);
  await setRefusing(kafka, names.topic("dlq.validator"), false);
  await until("it is committed", async () => await counted() > 0);
  await validator.stop();
  assertEquals(await counted(), 1);
  assertEquals(lines.filter((line) => line.startsWith("dead letter:")).length, 1);
  const deadLetters = (await readAll(kafka, names.topic("dlq.validator")))
    .filter((deadLetter) => keyOf(deadLetter) !== PROBE);
  assertEquals(deadLetters.length, 1);
});
