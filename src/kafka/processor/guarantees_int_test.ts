/**
 * What the loop promises, where it is easiest to break: when a partition's previous owner is still at
 * work, when the cluster refuses a part of a batch's outputs, and from each commit to the next.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { OrderPlaced } from "../../events/schemas.ts";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import type { DeadLetterTopic, Topic } from "../../topology.ts";
import { bytes, DEAD_LETTER_HEADERS } from "../dead_letters.ts";
import type { Handler } from "./handler.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
import { partitionForKey } from "../producer/partitioning.ts";
import { openTransactionalWriter } from "./partition_writer.ts";
import { GUARANTEES } from "./options.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  placed,
  PROBE,
  publication,
  publishAll,
  readAll,
  refuse,
  setRefusing,
  startValidator,
} from "../testing/topics.ts";

const broker = sharedByTests(startTestBroker);

const NOT_ONCE = "some order has no outcome, or more than one";

function keyOf({ key }: { key: Uint8Array | null }): string {
  return new TextDecoder().decode(key!);
}

/** Fresh topics of the validator, and what can be seen of its work from outside. */
async function setUp(partitions = 1) {
  const { kafka, names } = await freshTopics(broker.bootstrap, partitions);
  const admin = kafka.admin();
  await admin.connect();
  const raw = names.topic("orders.raw");
  const group = names.group("validator");
  const committed = async (partition = 0) =>
    (await committedOffsets(admin, group, raw)).get(partition);
  const read = async (topic: DeadLetterTopic | Topic) =>
    (await readAll(kafka, names.topic(topic))).filter((record) => keyOf(record) !== PROBE);
  return {
    kafka,
    names,
    committed,
    publish: (batch: Parameters<typeof publishAll>[2]) => publishAll(kafka, raw, batch),
    /** The orders that have an outcome, once for each that they have. */
    outcomes: async () => (await read("orders.outcomes")).map(keyOf).toSorted(),
    /** The offsets of the messages that are dead letters. */
    deadLetters: async () =>
      (await read("dlq.validator"))
        .map(({ headers }) => Number(headers[DEAD_LETTER_HEADERS.offset])),
    /** Fences a partition, as the validator would when it is assigned. */
    openWriter: (partition: number, committedOffset = () => committed(partition)) =>
      openTransactionalWriter(kafka, { topic: raw, partition, group }, {
        transactionalId: names.transactionalId("validator", "orders.raw", partition),
        transactionTimeoutMs: 6_000,
        committedOffset,
      }),
    outcomeOf: (order: OrderPlaced, partition: number) => {
      const { key, value } = publication(order);
      return [{
        topic: names.topic("orders.outcomes"),
        messages: [{ key, value: bytes(value), partition }],
      }];
    },
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

Deno.test("openTransactionalWriter: the committed offset that it reads is the previous owner's last", async () => {
  await using pipeline = await setUp();
  const [order, last] = [placed(0), placed(1)];
  const previous = await pipeline.openWriter(0);
  const next = await pipeline.openWriter(0, async () => {
    const offset = await pipeline.committed();
    // Too late: it must be fenced by now, or its batch would come again.
    await previous.commit(pipeline.outcomeOf(order, 0), 1).catch(() => {});
    return offset;
  });
  if (next.start !== 1) await next.commit(pipeline.outcomeOf(order, 0), 1);
  await next.commit(pipeline.outcomeOf(last, 0), 2);
  await until("the last is there", async () => (await pipeline.outcomes()).includes(last.orderId));
  await Promise.all([previous.close(), next.close()]);
  assertEquals(await pipeline.outcomes(), [order.orderId, last.orderId], NOT_ONCE);
});

Deno.test("openTransactionalWriter: fences the previous owner, whose transaction leaves nothing", async () => {
  await using pipeline = await setUp();
  const outcomeOf = (sequence: number) => pipeline.outcomeOf(placed(sequence), 0);
  const first = await pipeline.openWriter(0);
  await first.commit(outcomeOf(1), 1);
  const second = await pipeline.openWriter(0);
  await assertRejects(() => first.commit(outcomeOf(2), 2));
  await second.commit(outcomeOf(3), 2);
  await Promise.all([first.close(), second.close()]);
  assertEquals(await pipeline.outcomes(), ["r1-000001", "r1-000003"]);
});

Deno.test("processor: fences owners in the middle of their work, each message once", async () => {
  const PARTITIONS = 6;
  const orders = Array.from({ length: 240 }, (_, sequence) => placed(sequence));
  await using pipeline = await setUp(PARTITIONS);
  const owners = await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) => pipeline.openWriter(partition)),
  );
  const validator = startValidator(broker.bootstrap, pipeline.names, refuse);
  await until("it is a member", () => validator.processor.notReady() === undefined);
  await pipeline.publish(orders.map(publication));
  const ends = await Promise.allSettled(owners.map(async (owner, partition) => {
    const mine = orders.filter(({ orderId }) => partitionForKey(orderId, PARTITIONS) === partition);
    for (const [offset, order] of mine.entries()) {
      await owner.commit(pipeline.outcomeOf(order, partition), offset + 1);
    }
  }));
  assert(ends.some(({ status }) => status === "rejected"), "all owners were done before");
  await until(
    "all is published",
    async () => (await pipeline.outcomes()).length >= orders.length,
  );
  await validator.stop();
  await Promise.all(owners.map((owner) => owner.close()));
  assertEquals(await pipeline.outcomes(), orders.map(({ orderId }) => orderId), NOT_ONCE);
});

for (const guarantee of GUARANTEES) {
  for (const refusing of ["orders.outcomes", "dlq.validator"] as const) {
    Deno.test(`processor: ${guarantee}: a batch whose outputs ${refusing} refuses comes again, whole`, async () => {
      await using pipeline = await setUp();
      const { kafka, names, publish, outcomes, deadLetters } = pipeline;
      // At least once, an assignment commits where it begins.
      const position = async () => await pipeline.committed() ?? 0;
      let attempts = 0;
      const handler: Handler<OrderPlaced> = (batch) => {
        attempts++;
        return refuse(batch);
      };
      const validator = startValidator(broker.bootstrap, names, handler, { guarantee });
      // The very first batch, when the group has committed nothing yet, and a later one.
      for (const round of [0, 1]) {
        await setRefusing(kafka, names.topic(refusing), true);
        attempts = 0;
        const first = 3 * round;
        const broken = { key: placed(first + 1).orderId, value: Uint8Array.of(255) };
        await publish([publication(placed(first)), broken, publication(placed(first + 2))]);
        await until(
          "the batch comes again",
          async () => attempts >= 2 || await position() !== first,
        );
        assertEquals(await position(), first, "committed without its outputs");
        if (guarantee === "exactly_once") {
          const found = [(await outcomes()).length, (await deadLetters()).length];
          assertEquals(found, [2 * round, round], "some of the outputs are there, not all");
        }
        await setRefusing(kafka, names.topic(refusing), false);
        await until("the batch is committed", async () => await position() === first + 3);
        const all = [2 * (round + 1), round + 1] as const;
        await until(
          "all of it can be read",
          async () => (await outcomes()).length >= all[0] && (await deadLetters()).length >= all[1],
        );
      }
      await validator.stop();
      const found = { outcomes: await outcomes(), deadLetters: await deadLetters() };
      const expected = {
        outcomes: [0, 2, 3, 5].map((n) => placed(n).orderId),
        deadLetters: [1, 4],
      };
      const once = (list: (string | number)[]) => [...new Set(list)];
      assertEquals(
        guarantee === "exactly_once"
          ? found
          : { outcomes: once(found.outcomes), deadLetters: once(found.deadLetters) },
        expected,
        NOT_ONCE,
      );
    });
  }

  Deno.test(`processor: ${guarantee}: every commit says where its batch ended, and a stop what had no outputs`, async () => {
    const WITH_OUTPUTS = 300;
    await using pipeline = await setUp();
    const { names, committed, publish } = pipeline;
    const leftOut: number[] = [];
    let last = -1;
    const handler: Handler<OrderPlaced> = async (batch) => {
      last = batch[0]!.raw.offset;
      if (last === WITH_OUTPUTS) return { events: [] };
      if (leftOut.length === 0) {
        await until(
          "the offset is committed",
          async () => (await committed() ?? 0) === last,
          10_000,
        )
          .catch(() => leftOut.push(last));
      }
      return refuse(batch);
    };
    const validator = startValidator(broker.bootstrap, names, handler, { guarantee, maxBatch: 1 });
    const orders = Array.from({ length: WITH_OUTPUTS + 1 }, (_, n) => publication(placed(n)));
    await publish(orders);
    await until("all is handled", () => last === WITH_OUTPUTS, 120_000);
    await validator.stop();
    assertEquals(leftOut, [], "a batch was committed without its offset");
    await until("the last is committed", async () => await committed() === orders.length);
  });
}
