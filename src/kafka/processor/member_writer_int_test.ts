/** What a member of a group writes, and may no longer write when its partitions were assigned to another. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { TopicMessages } from "kafkajs";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { configureLogging } from "../../runtime/log.ts";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { until } from "../../runtime/until.ts";
import { createClient } from "../client/client.ts";
import { ProducerError } from "../client/error_codes.ts";
import { GroupMember } from "../group/member.ts";
import { openGroupOffsets } from "../offsets/committed_offsets.ts";
import { Producer } from "../producer/producer.ts";
import type { MemberGeneration } from "../protocol/requests.ts";
import { openLogReader } from "../readers/log_reader.ts";
import { freshTopics, readAll } from "../testing/topics.ts";
import { type AssignedInput, MemberWriter } from "./member_writer.ts";
import { GUARANTEES } from "./options.ts";
import { ownerToken } from "./owner.ts";
import { NotAssigned } from "./assignment.ts";

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

async function setUp(partitions = 1) {
  const { kafka, names } = await freshTopics(broker.bootstrap, partitions);
  const topic = names.topic("orders.raw");
  const outcomes = names.topic("orders.outcomes");
  const group = names.group("validator");
  const offsets = openGroupOffsets(kafka, group);
  const writers: MemberWriter[] = [];
  return {
    kafka,
    topic,
    group,
    lastTopic: outcomes,
    offsets,
    join: () => join(group, topic),
    committed: (partition = 0) => offsets.committed({ topic, partition }),
    id: () => names.memberTransactionalId("validator"),
    /** @param transactionalId absent: at least once */
    writer(generation: MemberGeneration, transactionalId?: string) {
      const writer = new MemberWriter(kafka, {
        service: "validator",
        group,
        transactionalId,
        transactionTimeoutMs: 60_000,
        formerIdOf: ({ partition }) => names.transactionalId("validator", "orders.raw", partition),
        offsets,
        names,
        onUnanswered: (error) => assert(false, String(error)),
      });
      writer.onAssigned(generation);
      writers.push(writer);
      return writer;
    },
    input: (generation: MemberGeneration, partition = 0): AssignedInput => (
      { topic, partition, generation }
    ),
    output: (key: string, partition = 0, bytes = 10): TopicMessages[] => [
      { topic: outcomes, messages: [{ key, value: "x".repeat(bytes), partition }] },
    ],
    /** Of the outcomes' first partition, markers included. */
    end: async () => {
      const reader = await openLogReader(kafka);
      const ends = await reader.ends(outcomes);
      await reader.close();
      return ends.get(0)!.end;
    },
    outcomes: async () =>
      (await readAll(kafka, outcomes)).map(({ key }) => new TextDecoder().decode(key!)).toSorted(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(writers.map((writer) => writer.close()));
      await offsets.close();
    },
  };
}

for (const guarantee of GUARANTEES) {
  Deno.test(`MemberWriter: ${guarantee}: in another generation it commits nothing`, async () => {
    await using test = await setUp();
    const { committed } = test;
    const idOf = () => guarantee === "exactly_once" ? test.id() : undefined;
    await using first = test.join();
    await until("it is assigned", () => first.generations.length > 0);
    const generation = first.generations[0]!;
    const writer = test.writer(generation, idOf());
    const before = await writer.open(test.input(generation), undefined);
    assertEquals(before.start, undefined);
    await before.commit(test.output("a"), 5);
    assertEquals(await committed(), 5);

    await using second = test.join();
    await until("both are assigned", () => second.generations.length > 0);
    await until("anew", () => first.generations.length > 1);
    const error = await assertRejects(() => before.commit(test.output("b"), 7), ProducerError);
    assertEquals([error.type, await committed()], ["ILLEGAL_GENERATION", 5]);
    const next = first.generations.at(-1)!;
    const after = await test.writer(next, idOf()).open(test.input(next), undefined);
    assertEquals(after.start, 5);
    await after.commit(test.output("c"), 6);
    assertEquals(await committed(), 6);
    // At least once, what was sent before the refused offset stays.
    const expected = guarantee === "exactly_once" ? ["a", "c"] : ["a", "b", "c"];
    await until("the last is there", async () => (await test.outcomes()).length >= expected.length);
    assertEquals(await test.outcomes(), expected);
  });
}

Deno.test("MemberWriter: what nobody waits for goes with the next transaction, or has one of its own", async () => {
  await using test = await setUp();
  await using member = test.join();
  await until("it is assigned", () => member.generations.length > 0);
  const generation = member.generations[0]!;
  const writer = test.writer(generation, test.id());
  const patient = await writer.open(
    { ...test.input(generation), topic: test.lastTopic },
    undefined,
  );
  const other = await writer.open(test.input(generation), undefined);
  const first = patient.commit(test.output("a"), 1);
  assertEquals(await settlesWithin(first, 0), false);
  await other.commit(test.output("b"), 1);
  await first;
  // Two records and one marker.
  await until("both are committed", async () => await test.end() === 3);
  await patient.commit(test.output("c"), 2);
  await until("it is committed", async () => await test.end() === 5);
});

Deno.test("MemberWriter: what was assigned to an earlier generation only is not sent", async () => {
  await using test = await setUp();
  const generation = { generation: 1, memberId: "me" };
  const writer = test.writer(generation, test.id());
  const before = await writer.open(test.input(generation), undefined);
  writer.onAssigned({ generation: 2, memberId: "me" });
  await assertRejects(() => before.commit(test.output("a"), 5), NotAssigned);
});

Deno.test("MemberWriter: fences a dead owner, named by its token or not, and reads the offset then", async () => {
  await using test = await setUp(2);
  const { kafka, topic, group } = test;
  await using member = test.join();
  await until("it is assigned", () => member.generations.length > 0);
  const generation = member.generations[0]!;
  const named = test.id();
  const input = { topic, partition: 0, generation };
  const former = test.id().replace(/validator-.*/, "validator-orders.raw-1");
  for (const [partition, transactionalId] of [[0, named], [1, former]] as const) {
    const dead = await Producer.open(kafka, {
      transactionalId,
      transactionTimeoutMs: 60_000,
      deliveryTimeoutMs: 10_000,
    });
    await dead.send(test.output(`dead-${partition}`, partition));
    await dead.sendWithOffsets([], group, [{ topic, partition, offset: 5 }], generation);
    const token = partition === 0
      ? ownerToken({ transactionalId, memberId: "dead" })
      : crypto.randomUUID();
    const next = test.writer(generation, test.id());
    const { start, commit } = await next.open({ ...input, partition }, token);
    assertEquals(start, undefined);
    await commit(test.output(`next-${partition}`, partition), 1);
    await assertRejects(() => dead.commit(), ProducerError);
    await dead.close();
  }
  await until("they are there", async () => (await test.outcomes()).length >= 2);
  assertEquals(await test.outcomes(), ["next-0", "next-1"]);
});

Deno.test("MemberWriter: what comes together is one transaction, and one that is refused fails alone", async () => {
  const PARTITIONS = [0, 1, 2];
  await using test = await setUp(PARTITIONS.length);
  await using member = test.join();
  await until("it is assigned", () => member.generations.length > 0);
  const generation = member.generations[0]!;
  const writer = test.writer(generation, test.id());
  const inputs = PARTITIONS.map((partition) => test.input(generation, partition));
  /** All at once, each from where it is, into one partition. */
  const commitAll = async (key: string, tooLarge?: number) => {
    const open = await Promise.all(inputs.map((input) => writer.open(input, undefined)));
    const ends = open.map(({ start = 0, commit }, partition) => {
      const bytes = partition === tooLarge ? 3e6 : 1;
      return commit(test.output(`${key}-${partition}`, 0, bytes), start + 1);
    });
    return (await Promise.allSettled(ends)).map(({ status }) => status === "fulfilled");
  };
  const ALL = [true, true, true];
  assertEquals(await commitAll("a"), ALL);
  // Markers are written after the answer.
  await until("a marker is there", async () => await test.end() > PARTITIONS.length);
  assertEquals(await test.end(), PARTITIONS.length + 1, "their records, and one marker");
  assertEquals(await commitAll("b", 1), [false, false, false]);
  assertEquals(await commitAll("c", 1), [true, false, true]);
  assertEquals(await commitAll("d"), ALL);
  const keys = ["a-0", "a-1", "a-2", "c-0", "c-2", "d-0", "d-1", "d-2"];
  await until("all are there", async () => (await test.outcomes()).length >= keys.length);
  assertEquals(await test.outcomes(), keys);
  assertEquals(await Promise.all(PARTITIONS.map(test.committed)), [3, 2, 3]);
});
