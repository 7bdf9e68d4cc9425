import { assert, assertEquals, assertRejects } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import { CONSUMERS, type Names, topicsReadBy } from "../../topology.ts";
import { untilCaughtUp } from "../readers/backlog.ts";
import { createClient } from "../client/client.ts";
import { EventFollower } from "../readers/event_follower.ts";
import { createGroupLagReader } from "../offsets/group_lag.ts";
import { openLogReader } from "../readers/log_reader.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
import { createGroupConsumer } from "./group_consumer.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, placed, publication, publishAll } from "../testing/topics.ts";

const broker = sharedByTests(startTestBroker);

const log = getLogger(["nobody"]);

/** Orders from `from` to `to`, as messages. */
function orders(from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => publication(placed(from + i)));
}

function idsOf(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => placed(from + i).orderId);
}

/** Reads orders.raw as a member of the validator's group, until `stop`. */
function startReader(names: Names, onEvents: (events: readonly OrderEvent[]) => void = () => {}) {
  const seen: string[] = [];
  const controller = new AbortController();
  const consumer = createGroupConsumer({
    access: { brokers: [broker.bootstrap] },
    clientId: `test-${crypto.randomUUID()}`,
    service: "validator",
    names,
    onEvents: (events) => {
      seen.push(...events.map(({ orderId }) => orderId));
      onEvents(events);
    },
    drainTimeoutMs: 10_000,
    log,
  });
  const ended = consumer.run(controller.signal);
  ended.catch(() => {});
  return {
    consumer,
    seen,
    ended,
    stop: () => {
      controller.abort();
      return ended;
    },
  };
}

/** Reads orders.raw as a member of no group. */
function openEventFollower(names: Names) {
  const seen: string[] = [];
  const eventFollower = new EventFollower({
    access: { brokers: [broker.bootstrap] },
    clientId: `test-${crypto.randomUUID()}`,
    topics: ["orders.raw"],
    names,
    onEvents: (events) => seen.push(...events.map(({ orderId }) => orderId)),
    log,
  });
  return { log: eventFollower, seen };
}

/** The offsets that a group has committed of orders.raw, and the ends of its log, by partition. */
async function progress(kafka: ReturnType<typeof createClient>, names: Names) {
  const admin = kafka.admin();
  await admin.connect();
  const reader = await openLogReader(kafka);
  try {
    const topic = names.topic("orders.raw");
    const committed = await committedOffsets(admin, names.group("validator"), topic);
    const ends = await reader.ends(topic);
    return {
      committed: [...committed].toSorted(([a], [b]) => a - b),
      ends: [...ends].map(([partition, { end }]) => [partition, end] as const)
        .toSorted(([a], [b]) => a - b),
    };
  } finally {
    await Promise.all([admin.disconnect(), reader.close()]);
  }
}

/** Sends `messages` in one transaction, committed or not. */
async function publishInTransaction(
  kafka: ReturnType<typeof createClient>,
  names: Names,
  messages: ReturnType<typeof orders>,
  end: "commit" | "abort",
): Promise<void> {
  const producer = kafka.producer({
    transactionalId: names.transactionalId("simulator", "orders.raw", 0),
    maxInFlightRequests: 1,
  });
  await producer.connect();
  try {
    const transaction = await producer.transaction();
    await transaction.send({
      topic: names.topic("orders.raw"),
      messages: messages.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })),
    });
    await transaction[end]();
  } finally {
    await producer.disconnect();
  }
}

Deno.test("groupConsumer: each committed event once, none of an aborted transaction, and no lag is left", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 300));
  await publishInTransaction(kafka, names, orders(300, 320), "abort");
  await publishInTransaction(kafka, names, orders(320, 340), "commit");
  const expected = [...idsOf(0, 300), ...idsOf(320, 340)];
  const reader = startReader(names);
  await until("all is read", () => reader.seen.length >= expected.length);
  assertEquals(reader.consumer.notReady(), undefined);
  assertEquals(reader.consumer.partitions, 4);
  // Fetched by itself: a batch that holds nothing to read.
  await publishInTransaction(kafka, names, orders(340, 360), "abort");
  await until("nothing is left to commit", async () => {
    const { committed, ends } = await progress(kafka, names);
    return JSON.stringify(committed) === JSON.stringify(ends);
  });
  await reader.stop();
  assertEquals(reader.seen.toSorted(), expected);
});

Deno.test("groupConsumer: what is no event is left out and counted, its neighbours go on", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const broken = { key: "r1-000001", value: Uint8Array.of(1, 2, 255) };
  await publishAll(kafka, names.topic("orders.raw"), [
    ...orders(0, 1),
    broken,
    { key: null, value: null },
    ...orders(1, 2),
  ]);
  const reader = startReader(names);
  await until("the neighbours are read", () => reader.seen.length === 2);
  assertEquals(reader.seen, idsOf(0, 2));
  assertEquals(reader.consumer.undecodable, 2);
  await reader.stop();
});

Deno.test("groupConsumer: the next member goes on where the last one stopped", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 200));
  const first = startReader(names);
  await until("the first has read", () => first.seen.length === 200);
  await first.stop();
  await publishAll(kafka, names.topic("orders.raw"), orders(200, 300));
  const second = startReader(names);
  await until("the second has read", () => second.seen.length >= 100);
  await second.stop();
  assertEquals(second.seen.toSorted(), idsOf(200, 300));
});

Deno.test("groupConsumer: while members come and go, all is read, and by none of them twice", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const topic = names.topic("orders.raw");
  const first = startReader(names);
  await until("the first is ready", () => first.consumer.partitions === 4);
  await publishAll(kafka, topic, orders(0, 500));
  const second = startReader(names);
  await until(
    "they share",
    () => first.consumer.partitions === 2 && second.consumer.partitions === 2,
  );
  await publishAll(kafka, topic, orders(500, 1_000));
  const all = () => new Set([...first.seen, ...second.seen]);
  await until("the second reads, too", () => all().size === 1_000 && second.seen.length > 0);
  await first.stop();
  await until("the second has all", () => second.consumer.partitions === 4);
  await publishAll(kafka, topic, orders(1_000, 1_500));
  await until("all is read", () => all().size === 1_500);
  await second.stop();
  for (const { seen } of [first, second]) assertEquals(seen.length, new Set(seen).size);
});

Deno.test("groupConsumer, eventFollower and groupLag: outlive their broker, and read nothing twice", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 200));
  const reader = startReader(names);
  const events = openEventFollower(names);
  const controller = new AbortController();
  const following = events.log.follow(controller.signal);
  const lag = createGroupLagReader(kafka, names);
  const lagKnown = () => lag.read().then(() => true, () => false);
  const both = (count: number) => () => [reader, events].every(({ seen }) => seen.length >= count);
  await until("the first half is read", both(200));
  await until("the lag is known", lagKnown);
  await broker.stop();
  await until("they notice", () => reader.consumer.notReady() !== undefined);
  await until("they notice", () => events.log.notReady() !== undefined);
  assertEquals(await lagKnown(), false);
  await broker.start();
  await publishAll(kafka, names.topic("orders.raw"), orders(200, 400));
  await until("the second half is read", both(400), 60_000);
  await until("the lag is known", lagKnown);
  await lag.close();
  await reader.stop();
  controller.abort();
  await following;
  for (const { seen } of [reader, events]) assertEquals(seen.toSorted(), idsOf(0, 400));
});

Deno.test("groupConsumer: what onEvents throws ends it", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 1));
  const reader = startReader(names, () => {
    throw new Error("a callback's own error");
  });
  await assertRejects(() => reader.ended, Error, "a callback's own error");
});

Deno.test("untilCaughtUp: waits for what is there when it is asked, control records included", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 100));
  await publishInTransaction(kafka, names, orders(100, 120), "commit");
  await publishInTransaction(kafka, names, orders(120, 140), "abort");
  const topics = topicsReadBy("validator").map((topic) => names.topic(topic));
  const limit = AbortSignal.timeout(30_000);
  const waiting = untilCaughtUp(kafka, names.group("validator"), topics, limit);
  const reader = startReader(names);
  await waiting;
  assert(!limit.aborted, "it never saw that all is read");
  assertEquals(reader.seen.toSorted(), idsOf(0, 120));
  await reader.stop();
});

Deno.test("eventFollower: reads to the end as of now, then follows, and no group notices", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const topic = names.topic("orders.raw");
  await publishAll(kafka, topic, orders(0, 300));
  await publishInTransaction(kafka, names, orders(300, 320), "abort");
  await publishInTransaction(kafka, names, orders(320, 340), "commit");
  const member = startReader(names);
  await until("the group has read", () => member.seen.length === 320);
  await member.stop();
  const before = await progress(kafka, names);

  const { log: events, seen } = openEventFollower(names);
  const controller = new AbortController();
  await events.readToEnd(controller.signal);
  assertEquals(seen.toSorted(), [...idsOf(0, 300), ...idsOf(320, 340)]);
  assertEquals([events.records, events.partitions], [320, 4]);
  assert(events.expected >= 320);

  const following = events.follow(controller.signal);
  await publishAll(kafka, topic, orders(340, 350));
  await until("it follows", () => seen.length >= 330);
  controller.abort();
  await following;
  assertEquals(seen.toSorted(), [...idsOf(0, 300), ...idsOf(320, 350)]);
  const after = await progress(kafka, names);
  assertEquals(after.committed, before.committed);
  const admin = kafka.admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  const mine = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(names.prefix));
  assertEquals(mine, [names.group("validator")]);
});

Deno.test("groupLag: messages and members of each group, before, while and after they read", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 100));
  const reader = createGroupLagReader(kafka, names);
  const lagOf = async (service: string) => {
    const groups = await reader.read();
    return groups.find((group) => group.service === service)!;
  };
  // A new topic's leader may not know yet that it is one.
  await until("the topics answer", () => reader.read().then(() => true, () => false));
  const raw = (lagMessages: number) => [{ topic: "orders.raw" as const, lagMessages }];
  const validator = { service: "validator" as const, group: names.group("validator") };
  const { positions, ...before } = await lagOf("validator");
  assertEquals(before, {
    ...validator,
    state: "Dead",
    members: 0,
    memberList: [],
    lagMessages: 100,
    topics: raw(100),
  });
  assertEquals(positions.map(({ partition, committed }) => [partition, committed]), [
    [0, 0],
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
  const members = [startReader(names), startReader(names)];
  await until("both share", () => members.every(({ consumer }) => consumer.partitions === 2));
  await until("they have read", async () => (await lagOf("validator")).lagMessages === 0);
  const { state, memberList, ...after } = await lagOf("validator");
  assertEquals([state, after.members, after.topics], ["Stable", 2, raw(0)]);
  assertEquals(memberList.map(({ owned }) => owned.length), [2, 2]);
  assertEquals(
    memberList.flatMap(({ owned }) => owned.map(({ partition }) => partition)).toSorted(),
    [0, 1, 2, 3],
  );
  await Promise.all(members.map((member) => member.stop()));
  await publishAll(kafka, names.topic("orders.raw"), orders(100, 107));
  assertEquals((await lagOf("validator")).lagMessages, 7);
  assertEquals(
    (await reader.read()).map(({ service, topics }) => [service, topics.length]),
    CONSUMERS.map((service) => [service, topicsReadBy(service).length]),
  );
  await reader.close();
});
