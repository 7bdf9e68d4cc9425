import { assertEquals, assertMatch } from "@std/assert";
import type { Consumer, Kafka, PartitionAssigner } from "kafkajs";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import type { Logger } from "../../runtime/log.ts";
import type { Names } from "../../topology.ts";
import { createClient } from "../client/client.ts";
import { createGroupConsumer } from "../group_consumer/group_consumer.ts";
import { createAssigner } from "./assigner.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  readAll,
  refuse,
  startValidator,
} from "../testing/topics.ts";

const ORDERS = 40;
const orders = Array.from({ length: ORDERS }, (_, n) => publication(placed(n)));

const broker = sharedByTests(startTestBroker);

/** A member of the validator's group as another application is one, when it has joined. */
async function startForeigner(names: Names, protocol?: string): Promise<Consumer> {
  const kafka = createClient({ brokers: [broker.bootstrap] }, "billing");
  const assigner: PartitionAssigner = (config) => {
    const ours = createAssigner().create(config);
    const named = (topics: string[]) => ({ ...ours.protocol({ topics }), name: protocol! });
    return { ...ours, name: protocol!, protocol: ({ topics }) => named(topics) };
  };
  const consumer = kafka.consumer({
    groupId: names.group("validator"),
    sessionTimeout: 6_000,
    heartbeatInterval: 500,
    ...protocol && { partitionAssigners: [assigner] },
  });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.connect();
  await consumer.subscribe({ topics: [names.topic("dlq.payment")] });
  await consumer.run({ eachMessage: () => Promise.resolve() });
  await joined;
  return consumer;
}

interface Member {
  notReady(): string | undefined;
  /** How many orders it and its like have worked on. */
  done(): Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Each way to be a member of a group. */
const KINDS: Record<string, (kafka: Kafka, names: Names, log: Logger) => Member> = {
  processor(kafka, names, log) {
    const { processor, stop } = startValidator(broker.bootstrap, names, refuse, { log });
    const done = async () => (await readAll(kafka, names.topic("orders.outcomes"))).length;
    return { notReady: () => processor.notReady(), done, stop };
  },
  groupConsumer(_, names, log) {
    const seen = seenBy.get(names) ?? new Set<string>();
    seenBy.set(names, seen);
    const controller = new AbortController();
    const consumer = createGroupConsumer({
      access: { brokers: [broker.bootstrap] },
      clientId: "test-consumer",
      service: "validator",
      names,
      onEvents: (events) => events.forEach(({ orderId }) => seen.add(orderId)),
      drainTimeoutMs: 10_000,
      log,
    });
    const ended = consumer.run(controller.signal);
    const stop = () => (controller.abort(), ended);
    return { notReady: () => consumer.notReady(), done: () => Promise.resolve(seen.size), stop };
  },
};
/** The orders that the consumers of a group have read, together. */
const seenBy = new Map<Names, Set<string>>();

function logger(): { log: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const log = { warn: (line: string) => warnings.push(line), info() {}, debug() {} };
  return { log: log as unknown as Logger, warnings };
}

/** What a member says of an application that leads its group, or keeps it out. */
const FIRST: readonly { readonly protocol?: string; readonly says: RegExp }[] = [
  { says: /leads our consumer group, .*: billing at .* leaves \S+orders\.raw unassigned/ },
  { protocol: "range", says: /another application is in our consumer group; `deno task groups`/ },
];

for (const [kind, start] of Object.entries(KINDS)) {
  Deno.test(`${kind}: another application in its group gets nothing, and is named once`, async () => {
    const { kafka, names } = await freshTopics(broker.bootstrap);
    const { log, warnings } = logger();
    const first = start(kafka, names, log);
    await until("it works", () => first.notReady() === undefined);
    const foreigner = await startForeigner(names);
    const second = start(kafka, names, log);
    try {
      await until("both work", () => !first.notReady() && !second.notReady());
      await publishAll(kafka, names.topic("orders.raw"), orders);
      await until("every order is worked on", async () => await first.done() === ORDERS);
      await until("it is told", () => warnings.some((line) => line.includes("billing")));
      assertEquals([first.notReady(), second.notReady()], [undefined, undefined]);
      const told = warnings.filter((line) => line.includes("billing"));
      assertEquals(told.length, 1, told.join("\n"));
      assertMatch(told[0]!, /billing at 127\.0\.0\.1 \(reads \S+dlq\.payment\)/);
    } finally {
      await foreigner.disconnect();
      await Promise.all([first.stop(), second.stop()]);
    }
  });

  for (const { protocol, says } of FIRST) {
    Deno.test(`${kind}: not ready while another application was there first, with ${protocol ?? "the same protocol"}`, async () => {
      const { kafka, names } = await freshTopics(broker.bootstrap);
      const foreigner = await startForeigner(names, protocol);
      const member = start(kafka, names, logger().log);
      try {
        await publishAll(kafka, names.topic("orders.raw"), orders);
        await until("it says so", () => says.test(member.notReady() ?? ""));
        await foreigner.disconnect();
        await until("every order is worked on", async () => await member.done() === ORDERS);
        await until("it is ready", () => member.notReady() === undefined);
      } finally {
        await foreigner.disconnect();
        await member.stop();
      }
    });
  }
}
