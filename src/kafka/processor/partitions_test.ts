import { assert, assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import { configureLogging } from "../../runtime/log.ts";
import { until } from "../../runtime/until.ts";
import { deadLetterTopicOf, Names } from "../../topology.ts";
import type { BatchInHand, Member } from "../group/membership.ts";
import { createProcessorMetrics } from "../metrics.ts";
import { FakeCluster, success } from "../producer/testing/fake_cluster.ts";
import type { ProcessorClient } from "./client.ts";
import type { PartitionsOptions } from "./options.ts";
import { Partitions } from "./partitions.ts";

const SESSION_TIMEOUT_MS = 2_000;
const DONE = 0;
const MESSAGE_TOO_LARGE = 10;

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
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    log: configureLogging("test", "error", "text"),
    metrics: createProcessorMetrics(new Registry()),
  } as unknown as PartitionsOptions;
  return new Partitions(client, member, options, 1_000, () => {});
}

Deno.test("Partitions.onBatch: one of a partition that is not ours any more is not worked on", async () => {
  const worked: number[] = [];
  const partitions = setUp(
    clusterOf(() => DONE),
    ({ batch }: BatchInHand) => Promise.resolve(void worked.push(batch.partition)),
  );
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

/**
 * Topics of which the group has committed nothing.
 *
 * @param produce Kafka's code for a Produce, by its number
 */
function clusterOf(produce: (count: number) => number | Promise<number>): FakeCluster {
  const deadLetters = new Names("").topic(deadLetterTopicOf("validator"));
  const ofBoth = (answer: object) => [0, 1].map((partition) => ({ partition, code: 0, ...answer }));
  return new class extends FakeCluster {
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
      return { codes: [0], partitions: ofBoth({ topic: "orders.raw", offset: 0 }) };
    }
    if (api !== "Produce") return success(api);
    return Promise.resolve(produce(count)).then((code) => ofBoth({ topic: deadLetters, code }));
  });
}

/** A record that is no event: a dead letter. */
function batchOf(
  partition: number,
  { offset = 0, hasMore = false, onResolved = (_: string) => {} } = {},
) {
  const record = { offset, key: null, value: new TextEncoder().encode("?"), headers: {} };
  return {
    batch: {
      topic: "orders.raw",
      partition,
      fetchedOffset: String(offset),
      messages: [record],
      rawMessages: [record],
      lastOffset: () => String(offset),
      hasMore,
      bytes: 1,
    },
    isRunning: () => true,
    isStale: () => false,
    resolveOffset: onResolved,
  } as unknown as BatchInHand;
}

/** The offsets that were committed, in turn, with the generation. */
function commitsOf(cluster: FakeCluster) {
  return cluster.requests.filter(({ apiName }) => apiName === "OffsetCommit")
    .map(({ fields }) => fields as { generation: number; offsets: { offset: number }[] });
}

function producesOf(cluster: FakeCluster): number {
  return cluster.sent.filter((apiName) => apiName === "Produce").length;
}

Deno.test("Partitions.onAssigned: what was under way before another may have had it is not committed", async () => {
  const sent = Promise.withResolvers<number>();
  const cluster = clusterOf((count) => count === 1 ? sent.promise : DONE);
  const resumed: number[] = [];
  const partitions = setUp(cluster, (_, work) => work(), resumed);
  const assign = (generation: number) =>
    partitions.onAssigned({ "orders.raw": [0, 1] }, { generation, memberId: "me" });
  try {
    assign(1);
    await until("both are read", () => resumed.length === 2);
    const first = partitions.onBatch(batchOf(0));
    await until("its output is on its way", () => cluster.sent.includes("Produce"));
    const second = partitions.onBatch(batchOf(1));
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    assign(3);
    sent.resolve(DONE);
    await Promise.all([first, second]);
    await until("both are read anew", () => resumed.length === 4);
    assertEquals(commitsOf(cluster).map(({ generation }) => generation), [1]);
    assertEquals(producesOf(cluster), 1);
  } finally {
    await partitions.stop();
  }
});

/** A member with partition 0, and what is at work there until `sent` resolves; more was to be fetched. */
async function withOneAtWork(
  test: (
    its: {
      partitions: Partitions;
      cluster: FakeCluster;
      resumed: number[];
      sent: PromiseWithResolvers<number>;
    },
  ) => Promise<void>,
) {
  const sent = Promise.withResolvers<number>();
  const cluster = clusterOf((count) => count === 1 ? sent.promise : DONE);
  const resumed: number[] = [];
  const partitions = setUp(cluster, (_, work) => work(), resumed);
  try {
    partitions.onAssigned({ "orders.raw": [0] }, { generation: 1, memberId: "me" });
    await until("it is read", () => resumed.length === 1);
    await partitions.onBatch(batchOf(0, { hasMore: true }));
    await until("its output is on its way", () => producesOf(cluster) === 1);
    await test({ partitions, cluster, resumed, sent });
  } finally {
    sent.resolve(DONE);
    await partitions.stop();
  }
}

Deno.test("Partitions.onBatch: what was fetched meanwhile is worked on after what is in hand", () =>
  withOneAtWork(async ({ partitions, cluster, sent }) => {
    const next = partitions.onBatch(batchOf(0, { offset: 1 }));
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    assertEquals(producesOf(cluster), 1);
    sent.resolve(DONE);
    await next;
    await until("both are committed", () => commitsOf(cluster).length === 2);
    const committed = commitsOf(cluster).flatMap(({ offsets }) => offsets);
    assertEquals(committed.map(({ offset }) => offset), [1, 2]);
  }));

Deno.test("Partitions.onBatch: what was fetched behind a batch that failed is left to be fetched again", () =>
  withOneAtWork(async ({ partitions, cluster, resumed, sent }) => {
    const next = partitions.onBatch(batchOf(0, { offset: 1 }));
    sent.resolve(MESSAGE_TOO_LARGE);
    await next;
    assertEquals(producesOf(cluster), 1);
    assertEquals(commitsOf(cluster), []);
    await partitions.idle();
    // It is not assigned anew before its pause.
    assertEquals(cluster.sent.filter((apiName) => apiName === "OffsetFetch").length, 1);
    await until("it is read anew", () => resumed.length === 2);
  }));

Deno.test("Partitions.onRejoin: what is in hand ends first, and nothing else begins", () =>
  withOneAtWork(async ({ partitions, cluster, sent }) => {
    const next = partitions.onBatch(batchOf(0, { offset: 1 }));
    let isJoining = false;
    const rejoin = partitions.onRejoin().then(() => isJoining = true);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    assertEquals(isJoining, false);
    sent.resolve(DONE);
    await Promise.all([rejoin, next]);
    assertEquals(producesOf(cluster), 1);
    assertEquals(commitsOf(cluster).length, 1);
  }));

Deno.test("Partitions.onBatch: while it joins the group anew, nothing is read past, and fetches are rare", () =>
  withOneAtWork(async ({ partitions, sent }) => {
    const rejoin = partitions.onRejoin();
    const resolved: string[] = [];
    const begun = performance.now();
    const onResolved = (offset: string) => void resolved.push(offset);
    await partitions.onBatch(batchOf(0, { offset: 1, onResolved }));
    assert(performance.now() - begun > 50);
    assertEquals(resolved, []);
    sent.resolve(DONE);
    await rejoin;
  }));

Deno.test("Partitions.onRejoin: it does not wait until it is no member any more", () =>
  withOneAtWork(async ({ partitions }) => {
    const begun = performance.now();
    await partitions.onRejoin();
    const tookMs = performance.now() - begun;
    assert(tookMs > 0.4 * SESSION_TIMEOUT_MS && tookMs < 0.9 * SESSION_TIMEOUT_MS, `${tookMs}`);
  }));
