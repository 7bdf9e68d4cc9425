import { assert, assertEquals, assertRejects } from "@std/assert";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { DEAD_LETTER_HEADERS } from "../dead_letters.ts";
import type { Handler } from "./handler.ts";
import { FETCH_BYTES_PER_PARTITION } from "./processor.ts";
import { GUARANTEES } from "./options.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
import { openDatabase } from "../../database/open.ts";
import { findPosition, inputOf, positions } from "../../database/positions.ts";
import { openGroupOffsets } from "../offsets/committed_offsets.ts";
import { ownerOf } from "./owner.ts";
import { encodeRecordBatch } from "../protocol/encode.ts";
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
import { cloudEventHeaders } from "../../events/cloud_events.ts";
import type { OrderPlaced } from "../../events/schemas.ts";
import type { DeadLetterTopic, Topic } from "../../topology.ts";
import { createClient } from "../client/client.ts";

const ORDERS = 3_000;
const utf8 = new TextEncoder();

const broker = sharedByTests(startTestBroker);

/** Each order's key exactly once. */
function assertOnceEach(keys: readonly string[], count: number): void {
  assertEquals(new Set(keys).size, count, "some order has no outcome");
  assertEquals(keys.length, count, "some order has more than one outcome");
}

async function outcomeKeys(kafka: ReturnType<typeof createClient>, topic: string) {
  return (await readAll(kafka, topic)).map(({ key }) => new TextDecoder().decode(key!));
}

Deno.test("processor: every message exactly once, while members come and go", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const orders = Array.from({ length: ORDERS }, (_, i) => publication(placed(i)));
  let handled = 0;
  const slow: Handler<OrderPlaced> = async (batch) => {
    handled += batch.length;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return refuse(batch);
  };
  const first = startValidator(broker.bootstrap, names, slow, { maxBatch: 20 });
  await publishAll(kafka, names.topic("orders.raw"), orders.slice(0, ORDERS / 2));
  await until("the first member works", () => handled > 200);
  const second = startValidator(broker.bootstrap, names, slow, { maxBatch: 20 });
  await until("the second member works", () => second.processor.notReady() === undefined);
  await publishAll(kafka, names.topic("orders.raw"), orders.slice(ORDERS / 2));
  await until("both work", () => handled > ORDERS / 2 + 200);
  await first.stop();
  await until("all is handled", () => handled >= ORDERS);
  const topic = names.topic("orders.outcomes");
  await until("all is published", async () => (await outcomeKeys(kafka, topic)).length >= ORDERS);
  await second.stop();
  assertOnceEach(await outcomeKeys(kafka, topic), ORDERS);
});

// At least once repeats what is under way when a member dies, but not when it is stopped.
for (const guarantee of GUARANTEES) {
  Deno.test(`processor: ${guarantee}: what is in hand at a stop is published once`, async () => {
    const { kafka, names } = await freshTopics(broker.bootstrap, 1);
    const inHand = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const hold: Handler<OrderPlaced> = async (batch) => {
      inHand.resolve();
      await release.promise;
      return refuse(batch);
    };
    await publishAll(kafka, names.topic("orders.raw"), [publication(placed(0))]);
    const first = startValidator(broker.bootstrap, names, hold, { guarantee });
    await inHand.promise;
    const stopped = first.stop();
    release.resolve();
    await stopped;
    const second = startValidator(broker.bootstrap, names, refuse, { guarantee });
    await publishAll(kafka, names.topic("orders.raw"), [publication(placed(1))]);
    const topic = names.topic("orders.outcomes");
    const last = placed(1).orderId;
    await until(
      "the next is published",
      async () => (await outcomeKeys(kafka, topic)).includes(last),
    );
    await second.stop();
    assertOnceEach(await outcomeKeys(kafka, topic), 2);
  });
}

Deno.test("processor: waits for the topics that it writes, too", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const outcomes = names.topic("orders.outcomes");
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [outcomes] });
  await until("the topic is gone", async () => !(await admin.listTopics()).includes(outcomes));
  await admin.disconnect();
  const validator = startValidator(broker.bootstrap, names, refuse);
  await until(
    "it says what it waits for",
    () => validator.processor.notReady()?.includes(outcomes) ?? false,
  );
  await validator.stop();
});

Deno.test("processor: a partition's key and number stay, and so does traceparent", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const headers = { traceparent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01" };
  const orders = Array.from({ length: 50 }, (_, i) => ({ ...publication(placed(i)), headers }));
  await publishAll(kafka, names.topic("orders.raw"), orders);
  const validator = startValidator(broker.bootstrap, names, refuse);
  const topic = names.topic("orders.outcomes");
  await until("all is published", async () => (await readAll(kafka, topic)).length >= 50);
  await validator.stop();
  const place = (records: Awaited<ReturnType<typeof readAll>>) =>
    records.map((r) =>
      `${new TextDecoder().decode(r.key!)} ${r.partition} ${r.headers.traceparent}`
    )
      .toSorted();
  assertEquals(
    place(await readAll(kafka, topic)),
    place(await readAll(kafka, names.topic("orders.raw"))),
  );
});

Deno.test("processor: with a CloudEvents source, events get its headers, and dead letters keep theirs", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const headers = { traceparent: "a trace", ce_id: "the sender's" };
  await publishAll(kafka, names.topic("orders.raw"), [
    { ...publication(placed(0)), headers },
    { ...publication(placed(1)), headers, value: utf8.encode("{") },
  ]);
  const cloudEventSource = "/orderflow/test";
  const validator = startValidator(broker.bootstrap, names, refuse, { cloudEventSource });
  const of = (topic: Topic | DeadLetterTopic) => readAll(kafka, names.topic(topic));
  const topics = ["orders.outcomes", "dlq.validator"] as const;
  await until(
    "both are published",
    async () => (await Promise.all(topics.map(of))).every(({ length }) => length === 1),
  );
  await validator.stop();
  const [[rejected], [deadLetter]] = await Promise.all([of(topics[0]), of(topics[1])]);
  const event = JSON.parse(new TextDecoder().decode(rejected!.value!));
  assertEquals({ ...rejected!.headers }, {
    ...cloudEventHeaders(event, cloudEventSource),
    traceparent: headers.traceparent,
  });
  const { ce_id, ce_type } = deadLetter!.headers;
  assertEquals([ce_id, ce_type], [headers.ce_id, undefined]);
});

Deno.test("processor: what cannot be decoded is a dead letter as received, its neighbours go on", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const broken = { key: "r1-000001", value: Uint8Array.of(0, 1, 2, 255) };
  const headers = { "some-header": "kept" };
  await publishAll(kafka, names.topic("orders.raw"), [
    publication(placed(0)),
    { ...broken, headers },
    { key: null, value: null },
    publication(placed(3)),
  ]);
  const validator = startValidator(broker.bootstrap, names, refuse);
  const topic = names.topic("orders.outcomes");
  await until("the good ones are done", async () => (await readAll(kafka, topic)).length === 2);
  await validator.stop();
  const deadLetters = await readAll(kafka, names.topic("dlq.validator"));
  assertEquals(deadLetters.length, 2);
  const [first, second] = deadLetters;
  assert(first?.value && second);
  assertEquals(Array.from(first.value), Array.from(broken.value));
  assertEquals(new TextDecoder().decode(first.key!), broken.key);
  assertEquals(first.headers[DEAD_LETTER_HEADERS.reason], "invalid_utf8");
  assertEquals(first.headers[DEAD_LETTER_HEADERS.offset], "1");
  assertEquals(first.headers[DEAD_LETTER_HEADERS.topic], names.topic("orders.raw"));
  assertEquals(first.headers[DEAD_LETTER_HEADERS.group], names.group("validator"));
  assertEquals(first.headers["some-header"], "kept");
  assertEquals([second.key, second.value], [null, null]);
  assertEquals(second.headers[DEAD_LETTER_HEADERS.reason], "empty_value");
});

Deno.test("processor: while something is a RetryableError it is not ready, and nothing is skipped", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  await publishAll(kafka, names.topic("orders.raw"), [publication(placed(0))]);
  let away = true;
  const handler: Handler<OrderPlaced> = (batch) => {
    if (away) throw new RetryableError("the database is away");
    return refuse(batch);
  };
  const validator = startValidator(broker.bootstrap, names, handler);
  await until("it says so", () => validator.processor.notReady() === "the database is away");
  away = false;
  const topic = names.topic("orders.outcomes");
  await until("it is done", async () => (await readAll(kafka, topic)).length === 1);
  await until("it is ready again", () => validator.processor.notReady() === undefined);
  await validator.stop();
});

Deno.test("processor: a bug ends the run with the bug, and publishes nothing", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  await publishAll(kafka, names.topic("orders.raw"), [publication(placed(0))]);
  const validator = startValidator(broker.bootstrap, names, () => {
    throw new TypeError("a bug");
  });
  await assertRejects(() => validator.ended, TypeError, "a bug");
  assertEquals(await readAll(kafka, names.topic("orders.outcomes")), []);
});

Deno.test("processor: outlives its broker", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const topic = names.topic("orders.outcomes");
  const batch = (from: number) =>
    Array.from({ length: 500 }, (_, i) => publication(placed(from + i)));
  const validator = startValidator(broker.bootstrap, names, refuse);
  await publishAll(kafka, names.topic("orders.raw"), batch(0));
  await until("the first half is done", async () => (await readAll(kafka, topic)).length === 500);
  await broker.stop();
  await broker.start();
  await publishAll(kafka, names.topic("orders.raw"), batch(500));
  await until("the second half is done", async () => (await readAll(kafka, topic)).length >= 1_000);
  await validator.stop();
  assertOnceEach(await outcomeKeys(kafka, topic), 1_000);
});

Deno.test("processor: an offset without outputs is committed after all when its commit failed", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const topic = names.topic("orders.raw");
  const group = names.group("validator");
  const directory = await Deno.makeTempDir({ prefix: "orderflow-fenced-" });
  const database = await openDatabase({ directory, owner: "validator", tables: [positions] });
  const fence = async () => {
    const { owner } = (await findPosition(database, inputOf(topic, 0)))!;
    const offsets = openGroupOffsets(kafka, group);
    await offsets.fence(ownerOf(owner)!.transactionalId);
    await offsets.close();
  };
  let handled = 0;
  const silent: Handler<OrderPlaced> = async () => {
    // In the middle of the second batch somebody fences us, so that its commit fails.
    if (handled++ === 1) await fence();
    return { events: [] };
  };
  const tables = { database, work: [] };
  const validator = startValidator(broker.bootstrap, names, silent, { tables });
  const admin = kafka.admin();
  await admin.connect();
  for (const sequence of [0, 1]) {
    await publishAll(kafka, topic, [publication(placed(sequence))]);
    await until(`message ${sequence} was handled`, () => handled > sequence);
  }
  await until(
    "all is committed",
    async () => (await committedOffsets(admin, group, topic)).get(0) === 2,
  );
  await admin.disconnect();
  await validator.stop();
  await database.close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("processor: gets past a control record with a batch behind it that fills a fetch", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const topic = names.topic("orders.raw");
  // Not by a writer of ours, which would send each batch in parts.
  const producer = kafka.producer({
    transactionalId: `${names.prefix}test`,
    maxInFlightRequests: 1,
    createPartitioner: () => () => 0,
  });
  await producer.connect();
  // Each batch alone fills a fetch, so that the control record behind it is all that the next fetch
  // brings: the batch behind that does not fit beside it.
  const PER_BATCH = 20;
  let sequence = 0;
  for (let batch = 0; batch < 3; batch++) {
    const orders = Array.from({ length: PER_BATCH }, () => placed(sequence++));
    const padded = (padding: number) =>
      orders.map((order, i) => ({
        key: Buffer.from(order.orderId),
        value: Buffer.concat([
          Buffer.from(publication(order).value!),
          Buffer.alloc(Math.floor(padding / PER_BATCH) + (i === 0 ? padding % PER_BATCH : 0), " "),
        ]),
      }));
    const room = FETCH_BYTES_PER_PARTITION - sizeOfBatch(padded(PER_BATCH * 20_000));
    const messages = padded(PER_BATCH * 20_000 + room);
    assertEquals(sizeOfBatch(messages), FETCH_BYTES_PER_PARTITION);
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages });
    await transaction.commit();
  }
  await producer.disconnect();
  const validator = startValidator(broker.bootstrap, names, refuse);
  const outcomes = names.topic("orders.outcomes");
  await until("all is published", async () => (await readAll(kafka, outcomes)).length >= sequence);
  await validator.stop();
  assertOnceEach(await outcomeKeys(kafka, outcomes), sequence);
});

function sizeOfBatch(messages: { key: Uint8Array; value: Buffer }[]): number {
  return encodeRecordBatch({
    records: messages,
    firstTimestamp: 0,
    maxTimestamp: 0,
    producerId: 0,
    producerEpoch: 0,
    firstSequence: 0,
    transactional: true,
  }).length;
}
