/** Members of kafkajs's groups, with our patches, while a test moves leaders and coordinators. */
import "./patches.ts";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { until } from "../../runtime/until.ts";
import { apiVersionsAnswer } from "../testing/answers.ts";
import { ScriptedBroker } from "../testing/scripted_broker.ts";
import { createClient } from "../client/client.ts";
import { createCluster } from "../client/cluster.ts";
import { onOffsetOutOfRange } from "./consumer.ts";
import { require } from "./replace_module.ts";

const errors = require("kafkajs/src/errors.js");
const { createErrorFromCode } = require("kafkajs/src/protocol/error.js");
const NewConsumerGroup: new (options: object) => Group = require(
  "kafkajs/src/consumer/consumerGroup.js",
);
const NewOffsetManager: new (options: object) => OffsetManager = require(
  "kafkajs/src/consumer/offsetManager/index.js",
);

const quiet = { namespace: () => quiet, debug() {}, info() {}, warn() {}, error() {} };
const SESSION_TIMEOUT_MS = 60_000;

interface OffsetManager {
  coordinator: unknown;
  resolvedOffsets: Record<string, Record<number, string>>;
  nextOffset(topic: string, partition: number): { toString(): string };
}
interface Group {
  memberId: string;
  generationId: number;
  coordinator: unknown;
  offsetManager: OffsetManager;
  lastRequest: number;
  joinAndSync(): Promise<void>;
  recoverFromFetch(error: unknown): Promise<void>;
  heartbeat(options: { interval: number }): Promise<void>;
}

/** A broker that is asked what only a coordinator knows. */
class Coordinator {
  heartbeats = 0;
  commits = 0;
  constructor(private readonly failure?: Error) {}
  heartbeat(): Promise<void> {
    this.heartbeats++;
    return this.failure ? Promise.reject(this.failure) : Promise.resolve();
  }
  offsetCommit(): Promise<void> {
    this.commits++;
    return Promise.resolve();
  }
}

interface Situation {
  /** The coordinator that is found, and how many look-ups fail before. */
  next?: Coordinator;
  failedLookups?: number;
  /** Where the member's partition is read. */
  position?: number;
}

/** A member of a group that owns partition 0 of `orders.raw`. */
function member(present: Coordinator, situation: Situation = {}) {
  const { next = present, failedLookups = 0, position = 5 } = situation;
  const counts = { refreshes: 0, joins: 0, lookups: 0, events: [] as unknown[] };
  const cluster = {
    refreshMetadata: () => Promise.resolve(void counts.refreshes++),
    findGroupCoordinator: () =>
      counts.lookups++ < failedLookups
        ? Promise.reject(new errors.KafkaJSGroupCoordinatorNotFound("none"))
        : Promise.resolve(next),
    committedOffsets: () => ({ "orders.raw": {} }),
    defaultOffset: () => -2,
  };
  const instrumentationEmitter = {
    emit: (event: string, payload: unknown) => {
      if (event === "consumer.offset_out_of_range") counts.events.push(payload);
    },
  };
  const common = { groupId: "a-group", cluster, instrumentationEmitter };
  const group = new NewConsumerGroup({
    ...common,
    logger: quiet,
    sessionTimeout: SESSION_TIMEOUT_MS,
    topics: ["orders.raw"],
  });
  Object.assign(group, { memberId: "me", generationId: 3, coordinator: present });
  group.joinAndSync = () => Promise.resolve(void counts.joins++);
  group.offsetManager = new NewOffsetManager({
    ...common,
    coordinator: present,
    memberAssignment: { "orders.raw": [0] },
    topicConfigurations: { "orders.raw": { fromBeginning: true } },
  });
  group.offsetManager.resolvedOffsets["orders.raw"] = { 0: String(position) };
  return { group, counts };
}

/** Nothing was heard of the coordinator for longer than a session lasts. */
function forget(group: Group): void {
  group.lastRequest = Date.now() - 2 * SESSION_TIMEOUT_MS;
}

const beat = (group: Group) => group.heartbeat({ interval: -SESSION_TIMEOUT_MS });

Deno.test("patchFetchVersion: Fetch is never above version 10, which a follower refuses", async () => {
  await using broker = new ScriptedBroker((request) => {
    if (request.apiName === "ApiVersions") return request.answer(apiVersionsAnswer());
  });
  const cluster = createCluster(createClient({ brokers: [broker.bootstrap] }, "test")) as
    & ReturnType<typeof createCluster>
    & { brokerPool: { seedBroker: { fetch(options: object): Promise<unknown> } } };
  await cluster.connect();
  const fetched = cluster.brokerPool.seedBroker.fetch({ topics: [] }).catch(() => {});
  const versions = () =>
    broker.requests.filter((r) => r.apiName === "Fetch").map((r) => r.apiVersion);
  await until("it fetches", () => versions().length > 0);
  assertEquals(versions(), [10]);
  broker.hangUp(0);
  broker.hangUp(1);
  await fetched;
  await cluster.disconnect();
});

const outOfRange = () =>
  Object.assign(
    new errors.KafkaJSOffsetOutOfRange(createErrorFromCode(1), {
      topic: "orders.raw",
      partition: 0,
    }),
  );

Deno.test("patchOffsetReset: nothing is committed, the position stays, and an event says so", async () => {
  const present = new Coordinator();
  const { group, counts } = member(present, { position: 30 });
  await group.recoverFromFetch(outOfRange());
  assertEquals(String(group.offsetManager.nextOffset("orders.raw", 0)), "30");
  assertEquals(present.commits, 0);
  assertEquals(counts.events, [{ topic: "orders.raw", partition: 0, offset: 30 }]);
});

Deno.test("onOffsetOutOfRange: a consumer takes listeners for it", () => {
  const consumer = createClient({ brokers: ["127.0.0.1:1"] }, "test").consumer({ groupId: "a" });
  onOffsetOutOfRange(consumer, () => {});
});

const ENDPOINT = { host: "127.0.0.1", port: 1 };
const PASSING: Record<string, Error> = {
  "a moved leader": createErrorFromCode(6),
  "no leader": createErrorFromCode(5),
  "an old epoch": createErrorFromCode(74),
  "an epoch to come": createErrorFromCode(75),
  "a replica that is away": createErrorFromCode(9),
  "a leader that does not know its end yet": createErrorFromCode(78),
  "a failed disk": createErrorFromCode(56),
  "a refused connection": new errors.KafkaJSConnectionError("refused", { code: "ECONNREFUSED" }),
  "a closed one": new errors.KafkaJSConnectionClosedError("Closed connection", ENDPOINT),
  "no answer": new errors.KafkaJSRequestTimeoutError("timed out", {}),
  "a broker that the metadata lacks": new errors.KafkaJSBrokerNotFound("not found"),
  "all of them again and again": new errors.KafkaJSNumberOfRetriesExceeded(
    createErrorFromCode(6),
    { retryCount: 8, retryTime: 1 },
  ),
};
for (const [what, error] of Object.entries(PASSING)) {
  Deno.test(`patchFetchRecovery: ${what}: the metadata is refreshed, and no member joins again`, async () => {
    const { group, counts } = member(new Coordinator());
    await group.recoverFromFetch(error);
    assertEquals(counts, { refreshes: 1, joins: 0, lookups: 0, events: [] });
  });
}

Deno.test("patchFetchRecovery: new partitions are a rebalance: no member joins before the batches at work are done", async () => {
  const { group, counts } = member(new Coordinator());
  const error = new errors.KafkaJSStaleTopicMetadataAssignment("Topic has been updated", {
    topic: "orders.raw",
    unknownPartitions: [4],
  });
  const thrown = await assertRejects(() => group.recoverFromFetch(error), Error);
  assertEquals((thrown as Error & { type: string }).type, "REBALANCE_IN_PROGRESS");
  assertEquals(counts.joins, 0);
});

const MOVED = [14, 15, 16].map((code) => createErrorFromCode(code) as Error & { type: string });
for (const error of MOVED) {
  Deno.test(`patchFetchRecovery: ${error.type}: the coordinator is looked up`, async () => {
    const next = new Coordinator();
    const { group, counts } = member(new Coordinator(), { next });
    await group.recoverFromFetch(error);
    assertStrictEquals(group.coordinator, next);
    assertStrictEquals(group.offsetManager.coordinator, next);
    assertEquals([counts.joins, counts.lookups], [0, 1]);
  });
}

Deno.test("patchFetchRecovery: an error that passes is thrown when the membership is over", async () => {
  const { group, counts } = member(new Coordinator());
  forget(group);
  const failure = PASSING["a refused connection"]!;
  assertStrictEquals(await assertRejects(() => group.recoverFromFetch(failure)), failure);
  assertEquals(counts.joins, 0);
});

for (const error of [...MOVED, PASSING["no answer"]!, PASSING["a refused connection"]!]) {
  const what = (error as { type?: string }).type ?? error.name;
  Deno.test(`patchLostCoordinator: ${what}: the membership goes on at the coordinator that was found`, async () => {
    const [lost, next] = [new Coordinator(error), new Coordinator()];
    const { group, counts } = member(lost, { next, failedLookups: 1 });
    // A look-up that finds no coordinator is no failure: the next heartbeat asks again.
    for (let times = 0; times < 3; times++) await beat(group);
    assertEquals([lost.heartbeats, next.heartbeats, counts.lookups, counts.joins], [2, 1, 2, 0]);
    assertStrictEquals(group.offsetManager.coordinator, next);
  });
}

Deno.test("patchLostCoordinator: heartbeats go on when the clock is set back", async () => {
  const present = new Coordinator();
  const { group } = member(present);
  group.lastRequest = Date.now() + 3_600_000;
  await group.heartbeat({ interval: 2_000 });
  assertEquals(present.heartbeats, 1);
  await group.heartbeat({ interval: 2_000 });
  assertEquals(present.heartbeats, 1);
});

Deno.test("patchLostCoordinator: no look-up after the session timeout", async () => {
  const lost = new Coordinator(MOVED[0]);
  const { group, counts } = member(lost);
  forget(group);
  assertStrictEquals(await assertRejects(() => beat(group)), MOVED[0]);
  assertEquals(counts.lookups, 0);
});

Deno.test("patchLostCoordinator: a rebalance, or a lost membership, is thrown", async () => {
  for (const code of [22, 25, 27]) {
    const failure = createErrorFromCode(code);
    const { group, counts } = member(new Coordinator(failure));
    assert(await assertRejects(() => beat(group)) === failure);
    assertEquals(counts.lookups, 0);
  }
});

Deno.test("patchJoins: two fetchers join together, when what is in hand has ended, and are told which generation it was", async () => {
  const { MemberAssignment } = require("kafkajs/src/consumer/assignerProtocol.js");
  const joined: unknown[] = [];
  let generation = 3;
  let second: Promise<void> | undefined;
  /** What each join waits for. */
  let inHand = Promise.resolve();
  let joins = 0;
  const coordinator = {
    joinGroup() {
      joins++;
      return Promise.resolve({ generationId: ++generation, memberId: "me", leaderId: "other" });
    },
    syncGroup({ generationId }: { generationId: number }) {
      second ??= group.joinAndSync();
      const assignment = { "orders.raw": [generationId] };
      return Promise.resolve({
        memberAssignment: MemberAssignment.encode({ version: 0, assignment }),
      });
    },
  };
  const group: Group = new NewConsumerGroup({
    groupId: "a-group",
    cluster: {
      committedOffsets: () => ({}),
      findGroupCoordinator: () => Promise.resolve(coordinator),
      refreshMetadata: () => Promise.resolve(),
      findTopicPartitionMetadata: () => [4, 5].map((partitionId) => ({ partitionId })),
    },
    instrumentationEmitter: {
      emit: (event: string, payload: unknown) => {
        if (event === "consumer.joined") joined.push(payload);
        if (event === "consumer.joining") (payload as { inHand: unknown[] }).inHand.push(inHand);
      },
    },
    logger: quiet,
    sessionTimeout: SESSION_TIMEOUT_MS,
    topics: ["orders.raw"],
    assigners: [],
  });
  const asOf = (generation: number) => ({
    assignment: { "orders.raw": [generation] },
    generation: { generation, memberId: "me" },
  });
  await group.joinAndSync();
  await second;
  assertEquals(joined, [asOf(4)]);
  await group.joinAndSync();
  assertEquals(joined, [asOf(4), asOf(5)]);
  const batch = Promise.withResolvers<void>();
  inHand = batch.promise;
  const third = group.joinAndSync();
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  assertEquals(joins, 2);
  batch.resolve();
  await third;
  assertEquals(joins, 3);
});

Deno.test("patchJoins: a join that fails is told", async () => {
  const events: string[] = [];
  const failure = new errors.KafkaJSConnectionClosedError("closed", ENDPOINT);
  const group: Group = new NewConsumerGroup({
    groupId: "a-group",
    cluster: {
      findGroupCoordinator: () => Promise.resolve({ joinGroup: () => Promise.reject(failure) }),
    },
    instrumentationEmitter: { emit: (event: string) => void events.push(event) },
    logger: quiet,
    sessionTimeout: SESSION_TIMEOUT_MS,
    topics: ["orders.raw"],
    assigners: [],
  });
  assertStrictEquals(await assertRejects(() => group.joinAndSync()), failure);
  assertEquals(events, ["consumer.joining", "consumer.join_failed"]);
  await assertRejects(() => group.joinAndSync());
  assertEquals(events.length, 4);
});
