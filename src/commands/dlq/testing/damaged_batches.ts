/** What the tests of damaged logs share: orders in known batches, and the readers beside the service. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Logger } from "../../../runtime/log.ts";
import type { createClient } from "../../../kafka/client/client.ts";
import { EventFollower } from "../../../kafka/readers/event_follower.ts";
import { Producer } from "../../../kafka/producer/producer.ts";
import { createGroupConsumer } from "../../../kafka/group_consumer/group_consumer.ts";
import { until } from "../../../runtime/until.ts";
import { freshTopics, placed, publication, readAll } from "../../../kafka/testing/topics.ts";
import { UnreadableBatch } from "../../../kafka/protocol/unreadable.ts";
import type { Names } from "../../../topology.ts";

export const BATCHES = 3;
/** Orders of a batch. */
export const SIZE = 3;
const LIMIT_MS = 60_000;

/** Three orders a batch in partition 0, and one in partition 1. */
export async function publishOrders(bootstrap: string, batches = BATCHES) {
  const { kafka, names } = await freshTopics(bootstrap, 2);
  const topic = names.topic("orders.raw");
  const producer = await Producer.open(kafka, { deliveryTimeoutMs: 30_000 });
  const send = (partition: number, sequences: readonly number[]) =>
    producer.send([{
      topic,
      messages: sequences.map((sequence) => {
        const { key, value } = publication(placed(sequence));
        return { key, value: value && Buffer.from(value), partition };
      }),
    }]);
  for (let i = 0; i < batches; i++) await send(0, [0, 1, 2].map((n) => i * SIZE + n));
  await send(1, [100]);
  await producer.close();
  return { kafka, names, topic };
}

/** The event log and a group consumer report what they leave out; the plain log reader refuses. */
export async function assertReadersReport(
  bootstrap: string,
  { kafka, names, topic }: { kafka: ReturnType<typeof createClient>; names: Names; topic: string },
  expected: readonly string[],
  place: string,
): Promise<void> {
  await assertRejects(() => readAll(kafka, topic), UnreadableBatch, "cannot be read");
  const read: Record<string, string[]> = { "event log": [], "group consumer": [] };
  const warned: Record<string, string[]> = { "event log": [], "group consumer": [] };
  const options = (reader: string) => ({
    access: { brokers: [bootstrap] },
    clientId: "test",
    names,
    log: {
      info() {},
      debug() {},
      warn: (line: unknown) => void warned[reader]!.push(String(line)),
    } as unknown as Logger,
    onEvents: (all: readonly { orderId: string }[]) =>
      void read[reader]!.push(...all.map(({ orderId }) => orderId)),
  });
  const eventLog = new EventFollower({ ...options("event log"), topics: ["orders.raw"] });
  await eventLog.readToEnd(new AbortController().signal);
  const stop = new AbortController();
  const consumer = createGroupConsumer({
    ...options("group consumer"),
    // A group of its own beside the validator's.
    names: Object.assign(Object.create(names), { group: () => `${names.prefix}other` }),
    service: "validator",
    drainTimeoutMs: 10_000,
  });
  const reading = consumer.run(stop.signal);
  await until(
    "the group consumer has read all",
    () => read["group consumer"]!.length >= expected.length,
    LIMIT_MS,
  );
  await until("the group consumer has reported it", () => warned["group consumer"]!.length > 0);
  stop.abort();
  await reading;
  for (const reader of Object.keys(read)) {
    assertEquals(read[reader]!.toSorted(), expected.toSorted(), reader);
    const lines = warned[reader]!.filter((line) => line.includes("cannot be read"));
    assertEquals(lines.length, 1, `${reader}: ${warned[reader]}`);
    assertStringIncludes(lines[0]!, place);
  }
}
