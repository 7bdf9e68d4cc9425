/** What waits for the validator, and from when on outcomes are in the log: asked of a real Kafka. */
import { assert, assertEquals } from "@std/assert";
import type { GroupState } from "../../../kafka/offsets/group_lag.ts";
import { freshTopics } from "../../../kafka/testing/topics.ts";
import { sharedByTests, startTestBroker } from "../../../local/testing/test_broker.ts";
import { until } from "../../../runtime/until.ts";
import type { Names } from "../../../topology.ts";
import type { Reading } from "../snapshot.ts";
import { OpenOrders } from "./open_orders.ts";
import { createOverdue, type Overdue, type OverdueView } from "./overdue.ts";

const broker = sharedByTests(startTestBroker);

const AFTER_MS = 60_000;
const READING: Reading = {
  ...{ source: "log", group: "analytics", partitions: 4, startedAt: "2026-01-02T12:00:00.000Z" },
  ...{ notReady: null, progress: null, undecodableMessages: 0 },
};

/** Of a group that has read `committed` messages of each partition. */
function groupAt(committed: number, ends: readonly number[]): GroupState[] {
  const positions = ends.map((end, partition) => ({
    ...{ topic: "orders.raw" as const, partition, committed, stored: committed, first: 0, end },
  }));
  return [{
    ...{ service: "validator", group: "validator", state: "Empty", members: 0, memberList: [] },
    ...{ lagMessages: 0, topics: [], positions },
  }];
}

function overdueOf(names: Names, groups: () => GroupState[] | null, reading = READING): Overdue {
  const openOrders = new OpenOrders();
  return createOverdue({
    ...{ access: { brokers: [broker.bootstrap] }, clientId: "test", names, afterMs: AFTER_MS },
    ...{ openOrders: () => openOrders, reading: () => reading, groups, isDiscarded: () => false },
  });
}

/** Watches until it says what is expected. */
async function untilItSays(overdue: Overdue, is: (view: OverdueView) => boolean) {
  const stop = new AbortController();
  const running = overdue.run(stop.signal);
  try {
    await until("it is known", () => is(overdue.latest));
    return overdue.latest;
  } finally {
    stop.abort();
    await running;
  }
}

Deno.test("overdue: what is older and behind the validator's offsets is counted; the oldest comes first", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 2);
  // What is sent again is written once.
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const now = Date.now();
  const at = (partition: number, key: string, agoMs: number) => ({
    ...{ key, value: "{}", partition, timestamp: String(now - agoMs) },
  });
  await producer.send({
    topic: names.topic("orders.raw"),
    messages: [
      ...[at(0, "a", 900_000), at(0, "b", 300_000), at(0, "c", 200_000), at(0, "d", 1)],
      ...[at(1, "e", 800_000), at(1, "no id", 400_000), at(1, "f", 100_000)],
    ],
  });
  await producer.disconnect();
  const overdue = overdueOf(names, () => groupAt(1, [4, 3]));
  const { placed, validated, sinceMs } = await untilItSays(
    overdue,
    ({ placed }) => placed !== null,
  );
  assertEquals(placed, {
    count: 4,
    oldestMs: now - 400_000,
    first: [{ orderId: "b", placedAtMs: now - 300_000 }],
    withoutId: 0,
  });
  assertEquals([validated?.count, sinceMs], [0, null]);
  const done = await untilItSays(
    overdueOf(names, () => groupAt(3, [4, 3])),
    ({ placed }) => placed !== null,
  );
  assertEquals(done.placed?.count, 0);
});

Deno.test("overdue: where outcomes were deleted, it says from when on it looks; in a group it does not know", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 1);
  const topic = names.topic("orders.outcomes");
  const timestamps = [Date.now() - 700_000, Date.now() - 600_000];
  // What is sent again is written once.
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  await producer.send({
    topic,
    messages: timestamps.map((at) => ({ key: "k", value: "{}", timestamp: String(at) })),
  });
  await producer.disconnect();
  const admin = kafka.admin();
  await admin.connect();
  // kafkajs asks nobody who leads.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "1" }] });
  await admin.disconnect();
  const view = await untilItSays(overdueOf(names, () => null), ({ why }) => why === null);
  assertEquals(view.sinceMs, timestamps[1]! + 60_000);
  assertEquals([view.validated?.count, view.placed], [0, null]);

  const member = overdueOf(names, () => null, { ...READING, source: "group" });
  assert(member.latest.why?.includes("its group's share"), member.latest.why ?? "");
  assertEquals(member.latest.validated, null);
});
