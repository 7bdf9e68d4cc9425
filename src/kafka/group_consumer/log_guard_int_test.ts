/** Readers that keep no tables, and a log that changes under them: on a real Kafka. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Registry } from "prom-client";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import type { Names } from "../../topology.ts";
import { EventFollower } from "../readers/event_follower.ts";
import { createLossMetrics } from "../metrics.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
import { createGroupConsumer } from "./group_consumer.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, placed, publication, publishAll } from "../testing/topics.ts";

const broker = sharedByTests(startTestBroker);

const keysOf = (events: readonly OrderEvent[]) => events.map(({ orderId }) => orderId);

/** Reads orders.raw; what was begun again goes on where it was. */
function createReader(kind: "groupConsumer" | "eventFollower", names: Names) {
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const losses = createLossMetrics(new Registry());
  const seen: string[] = [];
  const options = {
    access: { brokers: [broker.bootstrap] },
    clientId: `test-${crypto.randomUUID()}`,
    names,
    onEvents: (events: readonly OrderEvent[]) => void seen.push(...keysOf(events)),
    log: { debug() {}, info() {}, warn: note } as unknown as Logger,
    losses,
  };
  const eventFollower = new EventFollower({ ...options, topics: ["orders.raw"] });
  const consumer = () =>
    createGroupConsumer({
      ...options,
      service: "validator",
      drainTimeoutMs: 10_000,
      topicCheckMs: 2_000,
    });
  let controller = new AbortController();
  let ended = Promise.resolve();
  return {
    lines,
    seen,
    start() {
      controller = new AbortController();
      ended = kind === "groupConsumer"
        ? consumer().run(controller.signal)
        : eventFollower.follow(controller.signal);
      ended.catch(() => {});
    },
    stop() {
      controller.abort();
      return ended;
    },
    async lost() {
      const { values } = await losses.recordsLost.get();
      return Object.fromEntries(values.map(({ labels, value }) => [labels.why, value]));
    },
  };
}

interface Situation {
  readonly what: string;
  readonly happens: (
    stage: {
      reader: ReturnType<typeof createReader>;
      topic: string;
      admin: ReturnType<Awaited<ReturnType<typeof freshTopics>>["kafka"]["admin"]>;
      place: (count: number) => Promise<void>;
    },
  ) => Promise<void>;
  /** Orders by number that are deleted before they are read. */
  readonly deleted: readonly [number, number];
  readonly says: string;
}

const recreate: Situation["happens"] = async ({ admin, topic }) => {
  await admin.deleteTopics({ topics: [topic] });
  const isThere = async () => (await admin.listTopics()).includes(topic);
  await until("it is gone", async () => !await isThere());
  // On a busy machine it may be created, and say that it was there already.
  await until("it is there again", async () => {
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] }).catch(() => {});
    return await isThere();
  });
};

const situations: Situation[] = [
  {
    what: "the topic is deleted and created anew",
    happens: recreate,
    deleted: [0, 0],
    says: "was deleted and created anew: reading it from its beginning",
  },
  {
    what: "the topic is created anew between two batches, and has grown past what was read",
    async happens(stage) {
      await recreate(stage);
      await stage.place(80);
    },
    deleted: [0, 0],
    says: "was deleted and created anew: reading it from its beginning",
  },
  {
    what: "records are deleted before they are read",
    async happens({ reader, place, admin, topic }) {
      await reader.stop();
      await place(40);
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "70" }] });
      reader.start();
    },
    deleted: [40, 70],
    says: "30 records of ",
  },
];

for (const kind of ["groupConsumer", "eventFollower"] as const) {
  for (const { what, happens, deleted, says } of situations) {
    Deno.test(`${kind}: ${what}: it says so, and reads all that is there`, async () => {
      const { kafka, names } = await freshTopics(broker.bootstrap, 1);
      const topic = names.topic("orders.raw");
      const admin = kafka.admin();
      await admin.connect();
      const reader = createReader(kind, names);
      const keys: string[] = [];
      const place = async (count: number) => {
        const orders = Array.from({ length: count }, (_, i) => placed(keys.length + i));
        await publishAll(kafka, topic, orders.map(publication));
        keys.push(...keysOf(orders));
      };
      try {
        reader.start();
        await place(40);
        await until("they are read", () => reader.seen.length === 40);
        if (kind === "groupConsumer") {
          const group = names.group("validator");
          const committed = () => committedOffsets(admin, group, topic);
          await until("that is committed", async () => (await committed()).get(0) === 40);
        }
        await happens({ reader, topic, admin, place });
        await place(40);
        const expected = keys.filter((_, i) => i < deleted[0] || i >= deleted[1]);
        await until("all is read", () => reader.seen.length >= expected.length);
        assertEquals(reader.seen, expected);
        assertStringIncludes(reader.lines.join("\n"), says);
        const count = deleted[1] - deleted[0];
        assertEquals(await reader.lost(), count > 0 ? { deleted: count } : {});
      } finally {
        await reader.stop();
        await admin.disconnect();
      }
    });
  }
}
