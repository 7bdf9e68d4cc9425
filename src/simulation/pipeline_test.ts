import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { PROCESSORS } from "../topology.ts";
import type { Stage } from "./faults/stage.ts";
import { runPipeline } from "./pipeline.ts";
import { COPIER } from "./services.ts";
import type { Shape } from "./shape.ts";

const SHAPE: Shape = {
  services: PROCESSORS,
  brokers: 3,
  partitions: 2,
  replicas: 2,
  orders: 20,
  maxBatch: 10,
  guarantee: "exactly_once",
  transactionTimeoutMs: 60_000,
  placedForMs: 1_000,
  horizonMs: 10_000,
};

async function traced(seed: number, onStage: (stage: Stage) => void) {
  const lines: string[] = [];
  const trace = (atMs: number, line: string) => void lines.push(`${atMs} ${line}`);
  return { ...await runPipeline({ seed, shape: SHAPE, onStage, trace }), lines };
}

const nothing = () => {};

for (
  const [what, change] of [
    ["three brokers", {}],
    ["one broker, one replica, one partition", { brokers: 1, replicas: 1, partitions: 1 }],
    ["one message in a transaction", { maxBatch: 1 }],
    ["all orders at once", { placedForMs: 0 }],
    ["at least once", { guarantee: "at_least_once" }],
    ["many orders", { orders: 200 }],
    ["the copier", { services: [COPIER] }],
    ["the copier, at least once", { services: [COPIER], guarantee: "at_least_once" }],
  ] satisfies [string, Partial<Shape>][]
) {
  Deno.test(`runPipeline: without faults, all orders are settled and no promise is broken, ${what}`, async () => {
    for (const seed of [1, 2]) {
      const shape = { ...SHAPE, ...change };
      const { violations, orders, endedMs } = await runPipeline({ seed, shape, onStage: nothing });
      assertEquals(violations, []);
      assertEquals(orders, shape.orders);
      assert(endedMs < 30_000, `it took ${endedMs} ms`);
    }
  });
}

/** Each moves what the stage can; all of it has ended when it is over. */
function everything(stage: Stage): void {
  const at = stage.at.bind(stage);
  for (const [i, service] of PROCESSORS.entries()) {
    stage.databases.hit(service, "refuse");
    stage.databases.hit(service, "commit, answer lost");
    stage.databases.hit(service, { slowMs: 500 });
    at(500 * i, () => {
      stage.replicas.freeze(`${service}-1`);
      stage.replicas.kill(`${service}-2`);
      stage.replicas.start(`${service}-3`);
      at(8_000, () => {
        stage.replicas.thaw(`${service}-1`);
        stage.replicas.start(`${service}-2`);
        stage.replicas.stop(`${service}-3`);
        stage.replicas.rebalance(service);
      });
    });
  }
  at(600, () => stage.cluster.crash(1));
  at(1_000, () => {
    stage.cluster.cutOff(2);
    at(500, () => stage.cluster.reconnect(2));
  });
  at(2_000, () => {
    stage.cluster.freeze(3);
    at(2_000, () => stage.cluster.thaw(3));
  });
  at(700, () => {
    stage.replicas.jumpClock("payment-1", 5_000);
    stage.silenceGateway(1_000);
    stage.network.cut("source", 2, 500);
    stage.network.hit("EndTxn", undefined, "answer lost");
    stage.network.hit("Produce", undefined, { lateMs: 200 });
    stage.network.hit("TxnOffsetCommit", "validator", { frozenForMs: 9_000, until: "OffsetFetch" });
    stage.network.hit("EndTxn", "inventory", { killedForMs: 100 });
    stage.network.hit("EndTxn", "payment", { brokerCrashedForMs: 100 });
    stage.network.slow({ from: "fulfillment" }, 100, 1_000);
    stage.cluster.moveLeader("orders.validated", 0);
    stage.cluster.moveCoordinator("group", "payment");
    stage.cluster.staleMetadata(2, 500);
  });
  at(5_000, () => {
    stage.cluster.restart(1);
    stage.cluster.addPartitions(3);
    stage.cluster.deleteReadRecords();
  });
}

Deno.test("runPipeline: with all kinds of faults at once, no promise is broken", async () => {
  for (const seed of [1, 2, 3]) {
    const run = { seed, shape: SHAPE, onStage: everything };
    const { violations, orders } = await runPipeline(run);
    assertEquals(violations, []);
    assertEquals(orders, 20);
  }
});

Deno.test("runPipeline: the same seed is the same schedule, whatever ran before; another is another", async () => {
  const first = await traced(1, everything);
  const second = await traced(2, everything);
  const again = await traced(1, everything);
  assertEquals(again.lines.join("\n"), first.lines.join("\n"));
  assert(second.lines.join("\n") !== first.lines.join("\n"));
  for (const service of PROCESSORS) {
    assert(first.lines.some((line) => line.includes(`${service}-1 → `)), service);
  }
  const fromThawed = first.lines.filter((line) => / ← 3 .*: done/.test(line));
  assert(fromThawed.some((line) => parseFloat(line) > 4_000), "broker 3 answers again");
});

Deno.test("runPipeline: orders that wait for a service that is gone are named", async () => {
  const onStage = (stage: Stage) =>
    stage.at(400, () => {
      for (const number of [1, 2]) stage.replicas.kill(`payment-${number}`);
    });
  const { violations } = await runPipeline({ seed: 1, shape: SHAPE, onStage });
  const lines = violations.map(({ promise, what }) => `${promise} ${what}`).join("\n");
  assertStringIncludes(lines, "G1 not settled in 300 s after the faults: payment is at ");
  assertStringIncludes(lines, " has no outcome; it has ");
});
