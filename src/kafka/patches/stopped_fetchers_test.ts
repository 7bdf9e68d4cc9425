/** A consumer of kafkajs, with our patches, that stops while the set of brokers changes. */
import "./patches.ts";
import { assertEquals } from "@std/assert";
import { until } from "../../runtime/until.ts";
import { require } from "./replace_module.ts";

interface Runner {
  readonly consuming: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}
const NewRunner: new (options: object) => Runner = require("kafkajs/src/consumer/runner.js");

const quiet = { namespace: () => quiet, debug() {}, info() {}, warn() {}, error() {} };

Deno.test("Runner.stop: ends, also while the fetchers are made anew for another set of brokers", async () => {
  let nodes = [1, 2];
  let fetches = 0;
  const second = Promise.withResolvers<never[]>();
  const crashes: unknown[] = [];
  const runner = new NewRunner({
    logger: quiet,
    consumerGroup: {
      groupId: "group",
      memberId: "member",
      connect: () => Promise.resolve(),
      joinAndSync: () => Promise.resolve(),
      leave: () => Promise.resolve(),
      heartbeat: () => Promise.resolve(),
      getNodeIds: () => nodes,
      fetch: async (nodeId: number) => {
        fetches++;
        if (nodeId === 2) return await second.promise;
        await new Promise((resolve) => setTimeout(resolve, 1));
        return [];
      },
    },
    instrumentationEmitter: { emit() {} },
    concurrency: 1,
    eachBatch: () => Promise.resolve(),
    onCrash: (error: unknown) => crashes.push(error),
  });
  await runner.start();
  await until("it fetches", () => fetches > 2);
  nodes = [1, 2, 3];
  // Until the first fetcher has noticed: the second one is waited for then.
  let last = -1;
  await until("it fetches no more", () => last === (last = fetches), 30_000, 50);
  const stopped = runner.stop();
  second.resolve([]);
  await stopped;
  assertEquals([runner.consuming, crashes], [false, []]);
});
