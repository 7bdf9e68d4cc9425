/** At least once: what a member of a group may still do when its partition was assigned to another. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { OrderPlaced } from "../../events/schemas.ts";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { configureLogging } from "../../runtime/log.ts";
import { until } from "../../runtime/until.ts";
import { createClient } from "../client/client.ts";
import { ProducerError } from "../client/error_codes.ts";
import { GroupMember } from "../group/member.ts";
import { openGroupOffsets } from "../offsets/committed_offsets.ts";
import type { MemberGeneration } from "../protocol/requests.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  readAll,
  refuse,
  startValidator,
} from "../testing/topics.ts";
import type { Handler } from "./handler.ts";
import { openAtLeastOnceWriter } from "./partition_writer.ts";

const broker = sharedByTests(startTestBroker);

/** A member that reads a topic, and does nothing with it. */
function join(group: string, topic: string) {
  const controller = new AbortController();
  const generations: MemberGeneration[] = [];
  const member = new GroupMember(createClient({ brokers: [broker.bootstrap] }, "test"), {
    access: { brokers: [broker.bootstrap] },
    group,
    topics: new Map([[topic, "orders.raw"]]),
    sessionTimeoutMs: 6_000,
    fetch: { maxBytes: 1e6, maxBytesPerPartition: 1e6, minBytes: 1, maxWaitTimeInMs: 50 },
    drainTimeoutMs: 5_000,
    log: configureLogging("test", "error", "text"),
  });
  const ended = member.run(controller.signal, {
    onAssigned: (_, generation) => generations.push(generation),
    onBatch: () => Promise.resolve(),
    onState() {},
    onStop: () => member.stop(),
  });
  return {
    generations,
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await ended;
    },
  };
}

Deno.test("openAtLeastOnceWriter: in another generation it commits nothing", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const place = { topic: names.topic("orders.raw"), partition: 0 };
  const group = names.group("validator");
  const offsets = openGroupOffsets(kafka, group);
  const committed = () => offsets.committed(place);
  const open = (member: MemberGeneration) =>
    openAtLeastOnceWriter(kafka, {
      committedOffset: committed,
      commitOffset: (offset) => offsets.commitAs(member, { ...place, offset }),
      onUnanswered: (error) => assert(false, String(error)),
    });
  const refused = async (work: () => Promise<unknown>) => {
    const error = await assertRejects(work, ProducerError);
    assertEquals(error.type, "ILLEGAL_GENERATION");
  };
  await using first = join(group, place.topic);
  await until("it is assigned", () => first.generations.length > 0);
  const before = await open(first.generations[0]!);
  assertEquals(before.start, undefined);
  await before.commit([], 5);
  assertEquals(await committed(), 5);

  await using second = join(group, place.topic);
  await until("both are assigned", () => second.generations.length > 0);
  await until("anew", () => first.generations.length > 1);
  await refused(() => before.commit([], 7));
  assertEquals(await committed(), 5);
  const after = await open(first.generations.at(-1)!);
  assertEquals(after.start, 5);
  await after.commit([], 6);
  assertEquals(await committed(), 6);
  await Promise.all([before.close(), after.close(), offsets.close()]);
});

Deno.test("processor: at least once, partitions go on while members come and go", async () => {
  const ORDERS = 400;
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const orders = Array.from({ length: ORDERS }, (_, n) => publication(placed(n)));
  let handled = 0;
  const slow: Handler<OrderPlaced> = async (batch) => {
    handled += batch.length;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return refuse(batch);
  };
  const options = { guarantee: "at_least_once", maxBatch: 10 } as const;
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
