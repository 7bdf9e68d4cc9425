/** kafkajs, with our patches, with brokers that leave something out of their metadata, or are silent. */
import { assertEquals, assertRejects } from "@std/assert";
import { Kafka, logLevel } from "./kafkajs.ts";
import { freePort } from "../../local/kafka/ports.ts";
import { createCluster } from "../client/cluster.ts";
import { ERRORS } from "../client/error_codes.ts";
import { until } from "../../runtime/until.ts";
import {
  apiVersionsAnswer,
  coordinatorAnswer,
  metadataAnswer,
  type ScriptedTopic,
  topicsAskedFor,
} from "../testing/answers.ts";
import type { ApiName } from "../testing/kafka_frames.ts";
import { ScriptedBroker, type ScriptedRequest } from "../testing/scripted_broker.ts";

/** A broker with the id 1, whose topics and coordinators are what a test says. */
class MetadataBroker extends ScriptedBroker {
  topics: ScriptedTopic[] = [];
  /** Other brokers that it tells of. */
  others: Record<number, { port: number }> = {};
  /** What FindCoordinator is answered with: 0 is itself. */
  coordinatorCode = 0;
  /** Awaited before Metadata is answered. */
  gate: Promise<void> = Promise.resolve();

  constructor() {
    super((request) => this.#answer(request));
  }

  count(api: ApiName): number {
    return this.requests.filter(({ apiName }) => apiName === api).length;
  }

  async #answer(request: ScriptedRequest): Promise<void> {
    if (request.apiName === "ApiVersions") await request.answer(apiVersionsAnswer());
    if (request.apiName === "FindCoordinator") {
      const coordinator = { code: this.coordinatorCode, nodeId: 1, port: this.port };
      await request.answer(coordinatorAnswer(coordinator));
    }
    if (request.apiName === "Metadata") {
      await this.gate;
      const asked = topicsAskedFor(request.body);
      const topics = this.topics.filter(({ topic }) => asked.includes(topic));
      await request.answer(metadataAnswer({ ...this.others, 1: { port: this.port } }, topics));
    }
  }
}

function clusterAt(brokers: string[], { retries = 3, timeoutMs = 20_000 } = {}) {
  const cluster = createCluster(
    new Kafka({
      brokers,
      // A request may take as long as the longer of the two.
      requestTimeout: timeoutMs,
      connectionTimeout: timeoutMs,
      retry: { initialRetryTime: 5, maxRetryTime: 50, retries },
      logLevel: logLevel.NOTHING,
      logCreator: () => () => {},
    }),
  );
  return Object.assign(cluster, { [Symbol.asyncDispose]: () => cluster.disconnect() });
}

Deno.test("patchLeaderlessPartitions: the others' leaders are known, and the metadata is refreshed soon", async () => {
  await using broker = new MetadataBroker();
  broker.topics = [{ topic: "a", leaders: [1, -1, 1] }];
  await using cluster = clusterAt([broker.bootstrap]);
  await cluster.connect();
  await cluster.addMultipleTargetTopics(["a"]);
  const leaders = () => cluster.findTopicPartitionMetadata("a").map(({ leader }) => leader);
  assertEquals(leaders(), [1, -1, 1]);

  broker.topics = [{ topic: "a", leaders: [1, 1, 1] }];
  await until("it has a leader", async () => {
    await cluster.refreshMetadataIfNecessary();
    return leaders().every((leader) => leader === 1);
  });
  const asked = broker.count("Metadata");
  await cluster.refreshMetadataIfNecessary();
  assertEquals(broker.count("Metadata"), asked, "with leaders it is not");
});

for (const type of ["UNKNOWN_TOPIC_OR_PARTITION", "TOPIC_AUTHORIZATION_FAILED"] as const) {
  Deno.test(`patchLeaderlessPartitions: the error of a topic is one as before: ${type}`, async () => {
    await using broker = new MetadataBroker();
    broker.topics = [{ topic: "a", code: ERRORS[type].code, leaders: [] }];
    await using cluster = clusterAt([broker.bootstrap]);
    await cluster.connect();
    const error = await assertRejects(() => cluster.addMultipleTargetTopics(["a"]));
    assertEquals((error as { type?: string }).type, type);
  });
}

Deno.test("patchMetadataAge: it is refreshed when the clock was set back, and not again", async () => {
  await using broker = new MetadataBroker();
  broker.topics = [{ topic: "a", leaders: [1] }];
  await using cluster = clusterAt([broker.bootstrap]);
  await cluster.connect();
  await cluster.addMultipleTargetTopics(["a"]);
  const asked = broker.count("Metadata");
  const { brokerPool } = cluster as unknown as { brokerPool: { metadataExpireAt: number } };
  brokerPool.metadataExpireAt += 3_600_000;
  await cluster.refreshMetadataIfNecessary();
  await cluster.refreshMetadataIfNecessary();
  assertEquals(broker.count("Metadata"), asked + 1);
});

Deno.test("patchSharedMetadata: each of two refreshes at once gets the topic that it added", async () => {
  await using broker = new MetadataBroker();
  broker.topics = ["a", "b"].map((topic) => ({ topic, leaders: [1] }));
  await using cluster = clusterAt([broker.bootstrap]);
  await cluster.connect();
  const gate = Promise.withResolvers<void>();
  broker.gate = gate.promise;
  const earlier = cluster.refreshMetadata();
  await until("it is asked", () => broker.count("Metadata") === 1);
  const both = Promise.all(["a", "b"].map(async (topic) => {
    await cluster.addMultipleTargetTopics([topic]);
    return cluster.findTopicPartitionMetadata(topic).length;
  }));
  gate.resolve();
  await earlier;
  assertEquals(await both, [1, 1]);
});

Deno.test("patchSeedBroker: one that accepts the connection and never answers is not asked again before the others", async () => {
  await using silent = new ScriptedBroker();
  await using broker = new MetadataBroker();
  await using cluster = clusterAt([silent.bootstrap, broker.bootstrap], { timeoutMs: 3_000 });
  await cluster.connect();
  assertEquals([silent.requests.length, broker.count("ApiVersions")], [1, 1]);
});

Deno.test("patchLookups: goes on past brokers that cannot be reached", async () => {
  await using broker = new MetadataBroker();
  const [second, third] = [await freePort(), await freePort()];
  broker.others = { 2: { port: second }, 3: { port: third } };
  await using cluster = clusterAt([broker.bootstrap], { retries: 0 });
  await cluster.connect();
  await cluster.refreshMetadata();
  // They are asked in any order.
  for (let times = 1; times <= 10; times++) {
    await cluster.findGroupCoordinator({ groupId: "a-group", coordinatorType: 0 });
  }
  assertEquals(broker.count("FindCoordinator"), 10);
});

Deno.test("patchLookups: a missing right is thrown as such", async () => {
  await using broker = new MetadataBroker();
  broker.coordinatorCode = ERRORS.GROUP_AUTHORIZATION_FAILED.code;
  await using cluster = clusterAt([broker.bootstrap]);
  await cluster.connect();
  await cluster.refreshMetadata();
  const error = await assertRejects(() =>
    cluster.findGroupCoordinator({ groupId: "a-group", coordinatorType: 0 })
  );
  const types: unknown[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    types.push((cause as { type?: string }).type);
  }
  assertEquals(types.includes("GROUP_AUTHORIZATION_FAILED"), true, String(types));
});
