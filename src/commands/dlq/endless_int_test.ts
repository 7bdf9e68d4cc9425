/** A batch whose end is unknown, and readers that keep no tables: on a real Kafka. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import { EventFollower } from "../../kafka/readers/event_follower.ts";
import { createGroupConsumer } from "../../kafka/group_consumer/group_consumer.ts";
import { until } from "../../runtime/until.ts";
import { placed } from "../../kafka/testing/topics.ts";
import { damageEnd } from "../../kafka/testing/damaged_log.ts";
import { publishOrders, SIZE } from "./testing/damaged_batches.ts";

const LIMIT_MS = 60_000;
/** More than several attempts to read the batch take. */
const LOOKS = 40;
const RETRY_MS = 200;

const KINDS = ["group consumer", "event log"] as const;
const idsOf = (sequences: readonly number[]) => sequences.map((n) => placed(n).orderId).toSorted();

Deno.test("a batch whose end is unknown", async (t) => {
  await using broker = await startTestBroker();
  const fixtures = await Promise.all(
    KINDS.map(async (kind) => ({ kind, ...await publishOrders(broker.bootstrap, 4) })),
  );
  await broker.stop();
  for (const { topic } of fixtures) {
    await damageEnd(`${broker.directory}/log/${topic}-0`, 1);
  }
  await broker.start();
  for (const { kind, kafka, names, topic } of fixtures) {
    await t.step(
      `${kind}: its partition alone rests, which is told once, until it can be read on`,
      async () => {
        const read: string[] = [];
        const lines: string[] = [];
        const note = (line: string) => void lines.push(line);
        const options = {
          access: { brokers: [broker.bootstrap] },
          clientId: "test",
          names,
          onEvents: (events: readonly OrderEvent[]) =>
            void read.push(...events.map(({ orderId }) => orderId)),
          log: { debug() {}, info: note, warn: note } as unknown as Logger,
          unreadableRetryMs: RETRY_MS,
        };
        const admin = kafka.admin();
        await admin.connect();
        // While it loads, a consumer starts again: no concern of this test.
        const group = names.group("validator");
        const isLoaded = () => admin.describeGroups([group]).then(() => true, () => false);
        await until("the group's coordinator is loaded", isLoaded, LIMIT_MS);
        const controller = new AbortController();
        const reader = kind === "group consumer"
          ? createGroupConsumer({ ...options, service: "validator", drainTimeoutMs: 10_000 })
          : new EventFollower({ ...options, topics: ["orders.raw"] });
        const ended = "run" in reader
          ? reader.run(controller.signal)
          : reader.follow(controller.signal);
        ended.catch(() => {});
        try {
          const rests = () => !!reader.notReady()?.includes("kafka-delete-records.sh");
          await until("it rests", rests, LIMIT_MS);
          await until("the others are read", () => read.length >= SIZE + 1, LIMIT_MS);
          assertStringIncludes(reader.notReady()!, `${topic}/0`);
          const states = new Set<string | undefined>();
          let looks = 0;
          await until("it has tried again", () => {
            states.add(reader.notReady());
            return ++looks > LOOKS;
          }, LIMIT_MS);
          assertEquals(states.size, 1, [...states].join("\n"));
          assertEquals(read.toSorted(), idsOf([0, 1, 2, 100]));
          const told = lines.filter((line) => line.includes("cannot be read"));
          assertEquals(told.length, 1, lines.join("\n"));

          const partitions = [{ partition: 0, offset: String(3 * SIZE) }];
          // kafkajs asks nobody who leads.
          await admin.fetchTopicOffsets(topic);
          await admin.deleteTopicRecords({ topic, partitions });
          await until("it reads on", () => read.length >= 2 * SIZE + 1, LIMIT_MS);
          await until("it is ready", () => reader.notReady() === undefined, LIMIT_MS);
          assertEquals(read.toSorted(), idsOf([0, 1, 2, 9, 10, 11, 100]));
          // The records may go just between its look at the log and its fetch.
          const restarts = lines.filter((line) =>
            /the consumer stopped|fails/.test(line) && !line.includes("not within the range")
          );
          assertEquals(restarts, []);
        } finally {
          controller.abort();
          await ended;
          await admin.disconnect();
        }
      },
    );
  }
});
