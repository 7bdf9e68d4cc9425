import { assert, assertEquals } from "@std/assert";
import type {
  BatchInHand,
  Member,
  MemberEvents,
  PositionEvents,
} from "../../kafka/group/membership.ts";
import { Producer } from "../../kafka/producer/producer.ts";
import { configureLogging } from "../../runtime/log.ts";
import { SimulatedKafka } from "../cluster/cluster.ts";
import { Random } from "../random.ts";
import { VirtualTime } from "../time.ts";
import { createSimulatedClient } from "./client.ts";
import { Network } from "./network.ts";

const TOPIC = "orders.raw";
const first = { topic: TOPIC, partition: 0 };

/** One member of a group, which reads a topic of two partitions. */
class Test {
  readonly time = new VirtualTime(new Random(1));
  readonly kafka: SimulatedKafka;
  readonly network: Network;
  readonly process = this.time.process("member");
  readonly member: Member;
  readonly controller = new AbortController();
  assigned = 0;
  /** What was handed over, such as `0: a b`. */
  readonly handed: string[] = [];
  readonly told: string[] = [];
  ended: unknown = "it runs";
  /** What becomes of a batch in hand (default: all of it is resolved). */
  onBatch = ({ batch, resolveOffset }: BatchInHand): Promise<void> => {
    resolveOffset(batch.messages.at(-1)!.offset);
    return Promise.resolve();
  };

  constructor(brokers: number) {
    this.kafka = new SimulatedKafka(this.time, new Random(2), { brokers, topics: { [TOPIC]: 2 } });
    this.network = new Network(this.time, new Random(3), this.kafka);
    this.member = createSimulatedClient(this.process, this.network).createMember({
      access: { brokers: [] },
      group: "group",
      topics: new Map([[TOPIC, TOPIC]]),
      sessionTimeoutMs: 6_000,
      fetch: { maxBytes: 1e6, maxBytesPerPartition: 1e6, minBytes: 1, maxWaitTimeInMs: 50 },
      concurrency: 2,
      drainTimeoutMs: 5_000,
      log: configureLogging("test", "error", "text"),
    });
  }

  start(): void {
    const onPositions: PositionEvents = {
      onNothing: ({ partition }, from, to) => this.told.push(`${partition}: ${from} to ${to}`),
      onDoubt: () => this.told.push("doubt"),
      onOutOfRange: (place) => {
        this.told.push(`${place.partition}: no ${place.offset}`);
        this.member.pause(place);
      },
    };
    const events: MemberEvents = {
      onAssigned: () => this.assigned++,
      onBatch: (inHand) => {
        const { partition, messages } = inHand.batch;
        this.handed.push(`${partition}: ${messages.map(({ value }) => String(value)).join(" ")}`);
        return this.onBatch(inHand);
      },
      onState: () => {},
      onStop: () => this.member.stop(),
    };
    this.process.run(() => {
      this.member.watchPositions(100, onPositions);
      void this.member.run(this.controller.signal, events).then((crash) => this.ended = crash);
    });
  }

  run(ms: number): Promise<boolean> {
    return this.time.runUntil(() => false, ms);
  }

  /** Writes to the first partition, in a transaction that is committed, or not. */
  async write(values: readonly string[], commit = true, partition = 0): Promise<void> {
    let isDone = false;
    const writer = this.time.process("writer");
    const client = createSimulatedClient(writer, this.network);
    void writer.run(async () => {
      const producer = await Producer.open(client, {
        transactionalId: "id",
        transactionTimeoutMs: 60_000,
        deliveryTimeoutMs: 60_000,
      });
      const messages = values.map((value) => ({ key: null, value, partition }));
      await producer.send([{ topic: TOPIC, messages }]);
      if (commit) await producer.commit();
      await producer.close();
      isDone = true;
    });
    assert(await this.time.runUntil(() => isDone, 60_000));
    await this.run(200);
  }
}

function test(name: string, work: (test: Test) => Promise<void>, brokers = 3): void {
  Deno.test(`SimulatedMember: ${name}`, async () => {
    const test = new Test(brokers);
    await test.time.install(() => work(test));
  });
}

test("hands over what is committed, and tells where there is nothing else", async (test) => {
  await test.write(["a", "b"]);
  test.start();
  await test.run(2_000);
  await test.write(["c"], false);
  await test.write(["d"]);
  await test.run(2_000);
  assertEquals(test.handed, ["0: a b", "0: d"]);
  // The marker of the abort lies behind the record.
  assertEquals(test.told.filter((line) => line !== "doubt"), ["0: 3 to 5"]);
});

test("hands over one batch of a partition at a time, those of others beside it", async (test) => {
  await test.write(["a"]);
  await test.write(["b"], true, 1);
  const inHand = Promise.withResolvers<void>();
  const { onBatch } = test;
  test.onBatch = async (payload) => {
    if (payload.batch.partition === 0) await inHand.promise;
    await onBatch(payload);
  };
  test.start();
  await test.run(2_000);
  assertEquals(test.handed.toSorted(), ["0: a", "1: b"]);
  await test.write(["c"]);
  await test.run(2_000);
  assertEquals(test.handed.length, 2);
  inHand.resolve();
  await test.run(2_000);
  assertEquals(test.handed[2], "0: c");
});

test("fetches nothing of a paused partition, and goes on where it was told to", async (test) => {
  test.start();
  await test.run(1_000);
  test.process.run(() => test.member.pause(first));
  await test.write(["a"]);
  await test.write(["b"]);
  await test.run(2_000);
  assertEquals(test.handed, []);
  test.process.run(() => {
    test.member.seek(first, 2);
    test.member.resume(first);
  });
  // At once: it does not wait for the fetch that is under way.
  await test.run(50);
  assertEquals(test.handed, ["0: b"]);
}, 1);

test("has a stale batch in hand after a seek, and a running one until it stops", async (test) => {
  await test.write(["a"]);
  const found: boolean[][] = [];
  test.onBatch = async ({ isStale, isRunning }) => {
    const now = () => found.push([isStale(), isRunning()]);
    now();
    test.member.seek(first, 0);
    now();
    test.controller.abort();
    await Promise.resolve();
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 100));
    now();
  };
  test.start();
  await test.run(3_000);
  assertEquals(found, [[false, true], [true, true], [true, false]]);
  assertEquals(test.ended, undefined);
});

test("tells of an offset that the log does not have", async (test) => {
  await test.write(["a"]);
  test.start();
  await test.run(1_000);
  test.process.run(() => test.member.seek(first, 99));
  await test.run(2_000);
  assertEquals(test.told.filter((line) => line !== "doubt"), ["0: no 99"]);
});

test("doubts after a fetch that failed, once", async (test) => {
  test.start();
  await test.run(2_000);
  test.told.length = 0;
  test.network.hit({ api: "Fetch", effect: "connection closed" });
  await test.run(5_000);
  // All brokers' fetches are in doubt then; those of two have partitions.
  assert(test.told.includes("doubt"));
  test.told.length = 0;
  await test.run(10_000);
  assertEquals(test.told, []);
});

test("joins anew when the group rebalances, but not while a batch is in hand", async (test) => {
  await test.write(["a"]);
  const inHand = Promise.withResolvers<void>();
  const { onBatch } = test;
  test.onBatch = async (payload) => {
    let lost: unknown;
    const work = () => inHand.promise;
    await test.member.keepAlive(payload, work, (error) => lost ??= error);
    await onBatch(payload);
    if (lost) throw lost;
  };
  let rebalances = 0;
  test.member.onRebalancing(() => rebalances++);
  test.start();
  await test.run(1_000);
  test.kafka.rebalance("group");
  await test.run(3_000);
  assertEquals([test.assigned, rebalances], [1, 0]);
  inHand.resolve();
  await test.run(2_000);
  assertEquals([test.assigned, rebalances], [2, 1]);
});

test("joins as a new member when the group gave it up", async (test) => {
  test.start();
  await test.run(1_000);
  test.process.freeze();
  await test.run(10_000);
  test.process.thaw();
  await test.run(5_000);
  assertEquals(test.assigned, 2);
  assert(test.network.met.has("Heartbeat UNKNOWN_MEMBER_ID"));
  assert(!test.network.met.has("JoinGroup UNKNOWN_MEMBER_ID"));
});

test("crashes when no broker answers for longer than the session", async (test) => {
  test.start();
  await test.run(1_000);
  for (const node of test.kafka.nodes()) test.kafka.freezeBroker(node);
  // As kafkajs, after some attempts.
  assert(await test.time.runUntil(() => test.ended !== "it runs", 600_000));
  const { error, fatal } = test.ended as { error: Error; fatal: boolean };
  assertEquals([error.name, fatal], ["KafkaJSRequestTimeoutError", false]);
});

test("is in no doubt where a fetch is given up for another one", async (test) => {
  test.start();
  await test.run(2_000);
  for (let times = 0; times < 3; times++) {
    test.process.run(() => test.member.pause(first));
    await test.run(100);
    // The fetch under way lacks it.
    test.process.run(() => test.member.resume(first));
    await test.run(2_000);
  }
  assertEquals(test.told, []);
}, 1);
