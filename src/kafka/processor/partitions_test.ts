import { assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import { configureLogging } from "../../runtime/log.ts";
import { Names } from "../../topology.ts";
import type { BatchInHand, Member } from "../group/membership.ts";
import { createProcessorMetrics } from "../metrics.ts";
import { FakeCluster } from "../producer/testing/fake_cluster.ts";
import type { ProcessorClient } from "./client.ts";
import type { ProcessorOptions } from "./options.ts";
import { Partitions } from "./partitions.ts";

Deno.test("Partitions.onBatch: one of a partition that is not ours any more is not worked on", async () => {
  const worked: number[] = [];
  const member = {
    group: "validator",
    watchPositions() {},
    keepAlive: ({ batch }: BatchInHand) => Promise.resolve(void worked.push(batch.partition)),
    seek() {},
    pause() {},
    resume() {},
    stop: () => Promise.resolve(),
    topicOf: () => "orders.raw",
  } as unknown as Member;
  const client = { createCluster: () => new FakeCluster() } as unknown as ProcessorClient;
  const options = {
    names: new Names(""),
    service: "validator",
    guarantee: "at_least_once",
    log: configureLogging("test", "error", "text"),
    metrics: createProcessorMetrics(new Registry()),
  } as unknown as ProcessorOptions;
  const partitions = new Partitions(client, member, options, 1_000, () => {});
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
