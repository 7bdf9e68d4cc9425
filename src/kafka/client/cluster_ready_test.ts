import { assert, assertEquals } from "@std/assert";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { createClient } from "./client.ts";
import { clusterReady, KAFKA_2_5 } from "./cluster_ready.ts";
import { until } from "../../runtime/until.ts";
import { apiVersionsAnswer, metadataAnswer } from "../testing/answers.ts";
import type { ApiName } from "../testing/kafka_frames.ts";
import { ScriptedBroker } from "../testing/scripted_broker.ts";

Deno.test({
  name: "clusterReady: a process that stops does not wait for a silent broker",
  // What was asked goes on behind it, until it is given up.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using broker = new ScriptedBroker();
    const access = { brokers: [broker.bootstrap] };
    const stop = new AbortController();
    const told: string[] = [];
    const ready = clusterReady(createClient(access, "test"), {
      access,
      topics: [],
      signal: stop.signal,
      onWait: (reason) => told.push(reason),
    });
    await until("it is asked", () => broker.requests.length === 1);
    stop.abort();
    assert(await settlesWithin(ready, 5_000), "it waits for the answer");
    assertEquals(told, []);
  },
});

const TOO_OLD: readonly [what: string, newest: { readonly [A in ApiName]?: number }][] = [
  ["TxnOffsetCommit in version 3", { TxnOffsetCommit: 2 }],
  ["OffsetFetch in version 7", { OffsetFetch: 6 }],
];

for (const [what, newest] of TOO_OLD) {
  Deno.test(`clusterReady: waits for brokers that know ${what}, and says so once`, async () => {
    let isUpgraded = false;
    await using broker: ScriptedBroker = new ScriptedBroker((request) => {
      const versions = isUpgraded ? {} : newest;
      return request.answer(
        request.apiName === "ApiVersions"
          ? apiVersionsAnswer(undefined, versions)
          : metadataAnswer({ 1: { port: broker.port } }, [{ topic: "orders.raw", leaders: [1] }]),
      );
    });
    const access = { brokers: [broker.bootstrap] };
    const told: string[] = [];
    const ready = clusterReady(createClient(access, "test"), {
      access,
      topics: ["orders.raw"],
      oldest: KAFKA_2_5,
      signal: new AbortController().signal,
      onWait: (reason) => told.push(reason),
    });
    const asked = () => broker.requests.filter(({ apiName }) => apiName === "ApiVersions").length;
    await until("it has asked twice", () => asked() > 2);
    assertEquals(told, [
      `waiting for Kafka at ${broker.bootstrap}: its brokers are older than Kafka 2.5, ` +
      `the oldest that will do (no ${what})`,
    ]);
    isUpgraded = true;
    await ready;
    assertEquals(told.length, 1);
  });
}
