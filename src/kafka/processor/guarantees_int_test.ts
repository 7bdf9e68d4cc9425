/**
 * What the loop promises, where it is easiest to break: when members come and go, when the cluster refuses a
 * part of a batch's outputs, and from each commit to the next.
 */
import { assertEquals } from "@std/assert";
import type { OrderPlaced } from "../../events/schemas.ts";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import type { DeadLetterTopic, Topic } from "../../topology.ts";
import { DEAD_LETTER_HEADERS } from "../dead_letters.ts";
import type { Handler } from "./handler.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
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
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

for (const guarantee of GUARANTEES) {
  Deno.test(`processor: ${guarantee}: partitions go on while members come and go`, async () => {
    const ORDERS = 400;
    const { kafka, names } = await freshTopics(broker.bootstrap);
    const orders = Array.from({ length: ORDERS }, (_, n) => publication(placed(n)));
    let handled = 0;
    const slow: Handler<OrderPlaced> = async (batch) => {
      handled += batch.length;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return refuse(batch);
    };
    const options = { guarantee, maxBatch: 10 };
    const first = startValidator(broker.bootstrap, names, slow, options);
    await publishAll(kafka, names.topic("orders.raw"), orders.slice(0, ORDERS / 2));
    await until("the first works", () => handled > 50);
    const second = startValidator(broker.bootstrap, names, slow, options);
    await until("the second works", () => second.processor.notReady() === undefined);
    await publishAll(kafka, names.topic("orders.raw"), orders.slice(ORDERS / 2));
    const published = async () => (await readAll(kafka, names.topic("orders.outcomes"))).length;
    await until("all is published", async () => await published() >= ORDERS);
    assertEquals(first.processor.notReady(), undefined);
    await second.stop();
    await publishAll(kafka, names.topic("orders.raw"), [publication(placed(ORDERS))]);
    await until("the first has it all", async () => await published() > ORDERS);
    await first.stop();
    // Nobody was killed: each batch was finished before its partition was assigned anew.
    assertEquals(await published(), ORDERS + 1);
  });

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
