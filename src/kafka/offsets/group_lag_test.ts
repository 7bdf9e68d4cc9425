import { assertEquals, assertRejects } from "@std/assert";
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

Deno.test("read: when it cannot connect, nothing stays connected", async () => {
  const cluster = new FakeCluster();
  cluster.refreshMetadata = () => Promise.reject(new Error("no broker answers"));
  const reader = createGroupLagReader(cluster.kafka, new Names(""));
  await assertRejects(() => reader.read(), Error, "no broker answers");
  assertEquals(cluster.connected, false);
});

Deno.test("read: closes after a failure when nothing of it asks any more", async () => {
  const events: string[] = [];
  const away = () => {
    throw new TypeError("the coordinator is away");
  };
  const cluster = Object.assign(new FakeCluster(undefined, away), {
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
  const reader = createGroupLagReader(cluster.kafka, new Names(""));
  await assertRejects(() => reader.read(), Error, "the coordinator is away");
  assertEquals([events[0], events.at(-1)], ["answered", "closed"]);
});

Deno.test("read: of one service, asks of its group and its topics alone", async () => {
  const topics: string[] = [];
  const cluster = Object.assign(new FakeCluster((apiName) => answers[apiName]), {
    fetchTopicsOffset(asked: { topic: string }[]) {
      topics.push(...asked.map(({ topic }) => topic));
      const partitions = [{ partition: 0, offset: "5" }, { partition: 1, offset: "7" }];
      return Promise.resolve(asked.map(({ topic }) => ({ topic, partitions })));
    },
  });
  const answers: Record<string, unknown> = {
    DescribeGroups: [{ group: "validator", code: 0, state: "Empty", members: [] }],
    OffsetFetch: [{
      group: "validator",
      code: 0,
      offsets: [{ topic: "orders.raw", partition: 1, offset: 6 }],
    }],
  };
  const reader = createGroupLagReader(cluster.kafka, new Names(""), "validator");
  const [group] = await reader.read();
  assertEquals(new Set(topics), new Set(["orders.raw"]));
  assertEquals(cluster.requests.map(({ fields }) => fields), [
    { groups: ["validator"] },
    { group: "validator" },
  ]);
  assertEquals(group!.state, "Empty");
  assertEquals(group!.positions.map(({ stored }) => stored), [undefined, 6]);
});
