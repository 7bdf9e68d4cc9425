import { assertEquals, assertRejects } from "@std/assert";
import type { Admin, Kafka } from "kafkajs";
import { pause } from "../../runtime/shutdown.ts";
import { Names } from "../../topology.ts";
import { createGroupLagReader, lagMessagesOf, lostBefore, positionsIn } from "./group_lag.ts";
import { FakeCluster } from "../producer/testing/fake_cluster.ts";

Deno.test("lagMessagesOf: from the committed offset, or the beginning, to the end", () => {
  const log = (first: number, end: number) => new Map([[0, { first, end }]]);
  const table: { ends: ReturnType<typeof log>; committed?: number; lag: number; what: string }[] = [
    { ends: log(0, 10), committed: 4, lag: 6, what: "behind" },
    { ends: log(0, 10), committed: 10, lag: 0, what: "nothing left" },
    { ends: log(3, 10), lag: 7, what: "nothing committed: all that is there" },
    { ends: log(3, 10), committed: -1, lag: 7, what: "Kafka's word for nothing committed" },
    { ends: log(8, 10), committed: 4, lag: 2, what: "what retention deleted is no lag" },
    { ends: log(0, 4), committed: 10, lag: 0, what: "a log that was made anew" },
  ];
  for (const { ends, committed, lag, what } of table) {
    const offsets = committed === undefined ? undefined : new Map([[0, committed]]);
    assertEquals(lagMessagesOf(positionsIn("orders.raw", ends, offsets)), lag, what);
  }
});

Deno.test("lostBefore: how much was deleted before the group read it", () => {
  const ends = new Map([0, 1, 2, 3].map((partition) => [partition, { first: 8, end: 10 }]));
  const committed = new Map([[0, 4], [1, 8], [2, -1]]);
  const positions = positionsIn("orders.raw", ends, committed);
  assertEquals(positions.map(lostBefore), [4, 0, 0, 0]);
  assertEquals(positions.map(({ committed }) => committed), [8, 8, 8, 8]);
});

Deno.test("lagMessagesOf: adds up the partitions", () => {
  const ends = new Map([[0, { first: 0, end: 5 }], [1, { first: 0, end: 7 }]]);
  const committed = new Map([[0, 5], [1, 4]]);
  assertEquals(lagMessagesOf(positionsIn("orders.raw", ends, committed)), 3);
});

/** A client whose clusters are `cluster`, and whose admin is asked in vain. */
function clientOf(cluster: FakeCluster, admin: Partial<Admin>): Kafka {
  const away = () => Promise.reject(new Error("the coordinator is away"));
  return Object.assign(cluster.kafka, {
    admin: () => ({
      describeGroups: away,
      fetchOffsets: away,
      disconnect: () => Promise.resolve(),
      ...admin,
    }),
  }) as unknown as Kafka;
}

Deno.test("read: when it cannot connect, nothing stays connected", async () => {
  const cluster = new FakeCluster();
  cluster.connected = false;
  const connect = () => Promise.reject(new Error("no broker answers"));
  const reader = createGroupLagReader(clientOf(cluster, { connect }), new Names(""));
  await assertRejects(() => reader.read(), Error, "no broker answers");
  assertEquals(cluster.connected, false);
});

Deno.test("read: closes after a failure when nothing of it asks any more", async () => {
  const events: string[] = [];
  const cluster = Object.assign(new FakeCluster(), {
    async fetchTopicsOffset() {
      await pause(10);
      events.push("answered");
      throw new TypeError("it does not matter");
    },
    disconnect() {
      events.push("closed");
      return Promise.resolve();
    },
  });
  const connect = () => Promise.resolve();
  const reader = createGroupLagReader(clientOf(cluster, { connect }), new Names(""));
  await assertRejects(() => reader.read(), Error, "the coordinator is away");
  assertEquals([events[0], events.at(-1)], ["answered", "closed"]);
});

Deno.test("read: of one service, asks of its group and its topics alone", async () => {
  const asked: string[] = [];
  const reader = createGroupLagReader(
    clientOf(new FakeCluster(), {
      connect: () => Promise.resolve(),
      describeGroups: (groups) => {
        asked.push(...groups);
        return Promise.reject(new Error("it does not matter"));
      },
      fetchOffsets: ({ groupId, topics }) => {
        asked.push(groupId, ...topics!);
        return Promise.reject(new Error("it does not matter"));
      },
    }),
    new Names(""),
    "validator",
  );
  await assertRejects(() => reader.read());
  assertEquals(asked, ["validator", "validator", "orders.raw"]);
});
