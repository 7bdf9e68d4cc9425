import { assert, assertEquals } from "@std/assert";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { createClient } from "./client.ts";
import { clusterReady, NEEDED } from "./cluster_ready.ts";
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

interface TooOld {
  readonly guarantee: keyof typeof NEEDED;
  readonly newest: { readonly [A in ApiName]?: number };
  readonly lacking: string;
}

const TOO_OLD: readonly TooOld[] = [
  {
    guarantee: "exactly_once",
    newest: { TxnOffsetCommit: 2 },
    lacking: "TxnOffsetCommit in version 3",
  },
  { guarantee: "exactly_once", newest: { OffsetFetch: 6 }, lacking: "OffsetFetch in version 7" },
  {
    guarantee: "at_least_once",
    newest: { TxnOffsetCommit: 2, OffsetFetch: 6 },
    lacking: "OffsetFetch in version 7",
  },
];

for (const { guarantee, newest, lacking } of TOO_OLD) {
  Deno.test(`clusterReady: ${guarantee} waits for ${lacking}, and says so once`, async () => {
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
      needed: NEEDED[guarantee],
      signal: new AbortController().signal,
      onWait: (reason) => told.push(reason),
    });
    const asked = () => broker.requests.filter(({ apiName }) => apiName === "ApiVersions").length;
    await until("it has asked twice", () => asked() > 2);
    assertEquals(told, [
      `waiting for Kafka at ${broker.bootstrap}: its brokers are too old, ` +
      `this needs Kafka 2.5 or newer (no ${lacking})`,
    ]);
    isUpgraded = true;
    await ready;
    assertEquals(told.length, 1);
  });
}
