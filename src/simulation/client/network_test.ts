import { assertEquals, assertRejects } from "@std/assert";
import { answerOf } from "../../kafka/client/coordinator.ts";
import type { Api, Request } from "../cluster/requests.ts";
import { Disconnected, Unreachable } from "../cluster/requests.ts";
import type { WireRequest } from "../../kafka/protocol/wire.ts";
import { Random } from "../random.ts";
import { VirtualTime } from "../time.ts";
import { REFUSALS, UNSURE } from "./answers.ts";
import { type Brokers, type Effect, Network } from "./network.ts";

const heartbeat = (generation: number) =>
  ({ api: "Heartbeat", group: "group", generation, memberId: "member" }) as const;

/** A broker that answers each heartbeat, at once unless told otherwise. */
function setUp(answer: (generation: number) => Promise<unknown> = success, seed = 1) {
  const time = new VirtualTime(new Random(seed));
  const handled: number[] = [];
  const brokers: Brokers = {
    nodes: () => [1],
    isUp: () => true,
    ask: (_node, request, answered, failed) => {
      const { generation } = request as unknown as { generation: number };
      handled.push(generation);
      (answer(generation) as Promise<never>).then(answered, failed);
    },
  };
  const network = new Network(time, new Random(seed), brokers);
  const process = time.process("client");
  const connection = network.connect(process, 1);
  const results: string[] = [];
  /** Sends a heartbeat; what becomes of it is in `results`. */
  const send = (generation: number) =>
    process.run(() => {
      connection.send(heartbeat(generation)).then(
        ({ code }) => results.push(`${generation}: ${code}`),
        (error) => results.push(`${generation}: ${error.name}`),
      );
    });
  const run = (ms: number) => time.runUntil(() => false, ms);
  return { time, network, process, connection, handled, results, send, run };
}

const success = () => Promise.resolve({ code: 0 });
const silence = () => new Promise(() => {});

const cases: Record<string, { effect: Effect; handled: number[]; result: string | undefined }> = {
  "a lost request is not carried out, and has no answer": {
    effect: "request lost",
    handled: [],
    result: undefined,
  },
  "a request whose answer is lost is carried out": {
    effect: "answer lost",
    handled: [1],
    result: undefined,
  },
  "a code is answered instead": { effect: { code: 16 }, handled: [], result: "1: 16" },
  "a code is answered to a request that is carried out": {
    effect: { code: -1, carriedOut: true },
    handled: [1],
    result: "1: -1",
  },
};

for (const [name, { effect, handled, result }] of Object.entries(cases)) {
  Deno.test(`Network.hit: ${name}`, async () => {
    const test = setUp();
    await test.time.install(async () => {
      test.network.hit({ effect });
      test.send(1);
      await test.run(1_000);
      assertEquals([test.handled, test.results[0]], [handled, result]);
    });
  });
}

Deno.test("Network.hit: a closed connection rejects at once all that waits; the next is answered", async () => {
  const before = new Set<number>();
  for (let seed = 1; seed <= 20; seed++) {
    const { time, network, send, run, handled, results } = setUp(success, seed);
    await time.install(async () => {
      network.hit({ effect: "connection closed" });
      send(1);
      await run(100);
      before.add(handled.length);
      send(2);
      await run(100);
      assertEquals(results, ["1: KafkaJSConnectionClosedError", "2: 0"]);
    });
  }
  assertEquals([...before].sort(), [0, 1], "before it is carried out, or after it");
});

Deno.test("Network.hit: a late one is carried out late, or answered late, and holds up its connection", async () => {
  const handledAt = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const { time, network, send, run, handled, results } = setUp(success, seed);
    await time.install(async () => {
      network.hit({ effect: { lateMs: 5_000 } });
      send(1);
      send(2);
      await run(4_000);
      assertEquals(results, []);
      handledAt.add(handled.length > 0 ? "early" : "late");
      await run(2_000);
      assertEquals(results, ["1: 0", "2: 0"]);
    });
  }
  assertEquals([...handledAt].sort(), ["early", "late"]);
});

Deno.test("Network.hit: only a request that fits meets it, once", async () => {
  const { time, network, process, send, run, results } = setUp();
  await time.install(async () => {
    network.hit({ api: "Fetch", effect: { code: 3 } });
    network.hit({ node: 2, effect: { code: 4 } });
    network.hit({ from: "another", effect: { code: 5 } });
    network.hit({ api: "Heartbeat", node: 1, from: process.name, effect: { code: 6 } });
    send(1);
    send(2);
    await run(100);
  });
  assertEquals([results, network.pendingHits], [["1: 6", "2: 0"], 3]);
  assertEquals([...network.met], [["refused", 1], ["Heartbeat NOT_LEADER_OR_FOLLOWER", 1]]);
});

Deno.test("Connection: requests are carried out in order, one at a time, and answered in order", async () => {
  const slow = Promise.withResolvers<unknown>();
  const { time, send, run, handled, results } = setUp((n) => n === 1 ? slow.promise : success());
  await time.install(async () => {
    for (const generation of [1, 2, 3]) send(generation);
    await run(1_000);
    assertEquals([handled, results], [[1], []]);
    slow.resolve({ code: 0 });
    await run(1_000);
    assertEquals([handled, results], [[1, 2, 3], ["1: 0", "2: 0", "3: 0"]]);
  });
});

Deno.test("Connection: dropped by the production code, it throws away a late answer, and the next is another", async () => {
  const slow = Promise.withResolvers<unknown>();
  const test = setUp((n) => n === 1 ? slow.promise : success());
  const { time, process, connection, send, run, results } = test;
  const broker = {
    nodeId: 1,
    isConnected: () => connection.isConnected(),
    connectionPool: {
      pool: [connection],
      send: () => connection.send(heartbeat(1)) as Promise<never>,
    },
  };
  await time.install(async () => {
    const unanswered = assertRejects(
      () =>
        process.run(() =>
          answerOf(
            broker,
            { request: { apiName: "Heartbeat" } } as unknown as WireRequest<never>,
            50,
          )
        ),
      Error,
      "no answer to Heartbeat within 50 ms",
    );
    send(3);
    await run(100);
    await unanswered;
    assertEquals(connection.isConnected(), false);
    send(2);
    await run(100);
    slow.resolve({ code: 7 });
    await run(100);
    assertEquals(results, ["3: KafkaJSConnectionClosedError", "2: 0"]);
  });
});

Deno.test("Connection: without an answer for kafkajs's limit, all that waits is rejected", async () => {
  const { time, send, run, results } = setUp(silence);
  await time.install(async () => {
    send(1);
    await run(10_000);
    send(2);
    await run(4_990);
    assertEquals(results, []);
    await run(20);
    assertEquals(results, ["1: KafkaJSRequestTimeoutError", "2: KafkaJSRequestTimeoutError"]);
  });
});

for (
  const [what, error, name] of [
    ["is dead", new Unreachable(""), "KafkaJSConnectionError"],
    ["dies", new Disconnected(""), "KafkaJSConnectionClosedError"],
  ] as const
) {
  Deno.test(`Connection: a request to a broker that ${what} is rejected with ${name}`, async () => {
    const { time, send, run, results } = setUp(() => Promise.reject(error));
    await time.install(async () => {
      send(1);
      await run(100);
    });
    assertEquals(results, [`1: ${name}`]);
  });
}

Deno.test("Network.cut: what is under way arrives afterwards; a connection is not opened for too long", async () => {
  const slow = Promise.withResolvers<unknown>();
  const test = setUp((n) => n === 2 ? slow.promise : success());
  const { time, network, process, connection, send, run, handled, results } = test;
  await time.install(async () => {
    send(1);
    send(2);
    await run(100);
    network.cut(process, 1, 5_000);
    slow.resolve({ code: 0 });
    send(4);
    const other = network.connect(process, 1);
    const refusedBy = assertRejects(() => process.run(() => other.send(heartbeat(3))));
    await run(4_900);
    assertEquals([handled, results], [[1, 2], ["1: 0"]]);
    const error = await refusedBy;
    assertEquals(error instanceof Error && error.name, "KafkaJSConnectionError");
    await run(200);
    assertEquals([handled, results], [[1, 2, 4], ["1: 0", "2: 0", "4: 0"]]);
    assertEquals(connection.isConnected(), true);
  });
});

Deno.test("Connection: what a killed process sent is carried out, and nothing answered to it", async () => {
  const { time, process, send, run, handled, results } = setUp();
  await time.install(async () => {
    send(1);
    process.kill();
    await run(100);
  });
  assertEquals([handled, results], [[1], []]);
});

const partition = { topic: "topic", partition: 0, offset: 1 };
const producer = { transactionalId: "id", producerId: 1n, producerEpoch: 0 };
const member = { group: "group", generation: 1, memberId: "member" };
const requests: { readonly [A in Api]: Omit<Extract<Request, { api: A }>, "api"> } = {
  Metadata: { topics: ["topic"] },
  FindCoordinator: { type: "group", key: "group" },
  Produce: { transactionalId: null, batches: [{ ...partition, bytes: new Uint8Array() }] },
  Fetch: { partitions: [partition], maxWaitMs: 1, maxBytesPerPartition: 1 },
  ListOffsets: { partitions: [partition], at: "end" },
  OffsetForLeaderEpoch: { ...partition, leaderEpoch: 0, currentEpoch: 0 },
  InitProducerId: { transactionalId: "id", transactionTimeoutMs: 1 },
  AddPartitionsToTxn: { ...producer, partitions: [partition] },
  AddOffsetsToTxn: { ...producer, group: "group" },
  TxnOffsetCommit: { ...producer, ...member, offsets: [partition] },
  EndTxn: { ...producer, commit: true },
  OffsetFetch: { group: "group", partitions: [partition], requireStable: true },
  OffsetCommit: { ...member, offsets: [partition] },
  JoinGroup: { ...member, sessionTimeoutMs: 1, rebalanceTimeoutMs: 1, metadata: "" },
  SyncGroup: { ...member, assignments: [] },
  Heartbeat: member,
  DescribeGroups: { group: "group" },
  LeaveGroup: member,
};

Deno.test("Network.hit: a refusal of each API has its code where its reader looks for it", async () => {
  for (const [api, fields] of Object.entries(requests)) {
    const { time, network, process, run } = setUp();
    await time.install(async () => {
      network.hit({ effect: { code: 3 } });
      void network.send(process, 1, { api, ...fields } as Request);
      await run(100);
    });
    assertEquals(network.met.get(`${api} UNKNOWN_TOPIC_OR_PARTITION`), 1, api);
  }
  assertEquals(Object.keys(REFUSALS).sort(), Object.keys(requests).sort());
  assertEquals(Object.keys(UNSURE).filter((api) => !(api in requests)), []);
});
