import { assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import { configureLogging } from "../../runtime/log.ts";
import { until } from "../../runtime/until.ts";
import { deadLetterTopicOf, Names } from "../../topology.ts";
import type { BatchInHand, Member } from "../group/membership.ts";
import { createProcessorMetrics } from "../metrics.ts";
import { FakeCluster, success } from "../producer/testing/fake_cluster.ts";
import type { ProcessorClient } from "./client.ts";
import { Partitions, type PartitionsOptions } from "./partitions.ts";

/** A member without tables, at least once; `worked` notes what it has in hand. */
function setUp(cluster: FakeCluster, keepAlive: Member["keepAlive"], resumed: number[] = []) {
  const member = {
    group: "validator",
    watchPositions() {},
    keepAlive,
    seek() {},
    pause() {},
    resume: ({ partition }) => void resumed.push(partition),
    stop: () => Promise.resolve(),
    topicOf: () => "orders.raw",
  } as Partial<Member> as Member;
  const client = { createCluster: () => cluster } as unknown as ProcessorClient;
  const options = {
    names: new Names(""),
    service: "validator",
    guarantee: "at_least_once",
    handlers: { "orders.raw": () => Promise.resolve({ events: [] }) },
    maxBatch: 10,
    log: configureLogging("test", "error", "text"),
    metrics: createProcessorMetrics(new Registry()),
  } as unknown as PartitionsOptions;
  return new Partitions(client, member, options, 1_000, () => {});
}

Deno.test("Partitions.onBatch: one of a partition that is not ours any more is not worked on", async () => {
  const worked: number[] = [];
  const partitions = setUp(
    new FakeCluster(),
    ({ batch }: BatchInHand) => Promise.resolve(void worked.push(batch.partition)),
  );
  const batchOf = (partition: number) =>
    ({ batch: { topic: "orders.raw", partition } }) as unknown as BatchInHand;
  try {
    for (const [generation, mine] of [[1, [0, 1]], [2, [0]]] as const) {
      partitions.onAssigned({ "orders.raw": [...mine] }, { generation, memberId: "me" });
    }
    for (const partition of [0, 1]) await partitions.onBatch(batchOf(partition));
    assertEquals(worked, [0]);
  } finally {
    await partitions.stop();
  }
});

Deno.test("Partitions.onAssigned: what was under way before another may have had it is not committed", async () => {
  const deadLetters = new Names("").topic(deadLetterTopicOf("validator"));
  const sent = Promise.withResolvers<void>();
  const cluster = new class extends FakeCluster {
    override fetchTopicsOffset: FakeCluster["fetchTopicsOffset"] = (asked) =>
      Promise.resolve(asked.map(({ topic, partitions, fromBeginning }) => ({
        topic,
        partitions: partitions.map(({ partition }) => ({
          partition,
          offset: fromBeginning ? "0" : "9",
        })),
      })));
  }((api, count) => {
    if (api === "OffsetFetch") {
      const partitions = [0, 1].map((partition) => ({
        topic: "orders.raw",
        partition,
        offset: 0,
        code: 0,
      }));
      return { codes: [0], partitions };
    }
    if (api !== "Produce") return success(api);
    const answer = [0, 1].map((partition) => ({ topic: deadLetters, partition, code: 0 }));
    return count === 1 ? sent.promise.then(() => answer) : answer;
  });
  const resumed: number[] = [];
  const partitions = setUp(cluster, (_, work) => work(), resumed);
  const assign = (generation: number) =>
    partitions.onAssigned({ "orders.raw": [0, 1] }, { generation, memberId: "me" });
  /** A record that is no event: a dead letter. */
  const batchOf = (partition: number) => {
    const record = { offset: "0", key: null, value: new TextEncoder().encode("?"), headers: {} };
    return {
      batch: {
        topic: "orders.raw",
        partition,
        fetchedOffset: "0",
        messages: [record],
        rawMessages: [record],
        lastOffset: () => "0",
      },
      isRunning: () => true,
      isStale: () => false,
      resolveOffset() {},
    } as unknown as BatchInHand;
  };
  try {
    assign(1);
    await until("both are read", () => resumed.length === 2);
    const first = partitions.onBatch(batchOf(0));
    await until("its output is on its way", () => cluster.sent.includes("Produce"));
    const second = partitions.onBatch(batchOf(1));
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    assign(3);
    sent.resolve();
    await Promise.all([first, second]);
    await until("both are read anew", () => resumed.length === 4);
    const commits = cluster.requests.filter(({ apiName }) => apiName === "OffsetCommit");
    assertEquals(commits.map(({ fields }) => (fields as { generation: number }).generation), [1]);
    assertEquals(cluster.sent.filter((apiName) => apiName === "Produce").length, 1);
  } finally {
    await partitions.stop();
  }
});
