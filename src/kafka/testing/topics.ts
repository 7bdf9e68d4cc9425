/** What integration tests share: topics of their own, orders in them, a validator, and `until`. */
import type { Kafka } from "kafkajs";
import { Registry } from "prom-client";
import { encode } from "../../events/codec.ts";
import { eventId, type OrderPlaced, type OrderRejected } from "../../events/schemas.ts";
import { configureLogging } from "../../runtime/log.ts";
import { until } from "../../runtime/until.ts";
import { Names } from "../../topology.ts";
import { createClient, withAdmin } from "../client/client.ts";
import { createCluster } from "../client/cluster.ts";
import { createLogStates } from "../log_watch/log_states.ts";
import { withLogReader } from "../readers/log_reader.ts";
import type { LogRecord } from "../records.ts";
import type { Handler } from "../processor/handler.ts";
import { createProcessorMetrics } from "../metrics.ts";
import { createProcessor } from "../processor/processor.ts";
import type { ProcessorOptions } from "../processor/options.ts";
import { type KeyedRecord, openPublisher } from "../producer/publisher.ts";
import { createTopics } from "../topics.ts";

/**
 * A client, and fresh topics under a prefix that no other test has, whose leaders answer.
 *
 * @param bootstrap addresses, separated by commas; on three nodes each partition has three copies
 */
export async function freshTopics(bootstrap: string, partitions = 4) {
  const names = new Names(`t${crypto.randomUUID().slice(0, 8)}.`);
  const kafka = createClient({ brokers: bootstrap.split(",") }, "test");
  const { created } = await createTopics(kafka, names, { partitions });
  // On a busy machine a broker refuses writes for seconds after its metadata has named it the leader.
  await withLogReader(kafka, (reader) =>
    until("the topics' leaders answer", async () => {
      const ends = await reader.endsByTopic(created);
      return created.every((topic) => ends.get(topic)?.size);
    }));
  return { kafka, names };
}

export function placed(sequence: number): OrderPlaced {
  const orderId = `r1-${String(sequence).padStart(6, "0")}`;
  return {
    type: "OrderPlaced",
    version: 1,
    eventId: eventId(orderId, "OrderPlaced"),
    orderId,
    occurredAt: "2026-01-02T03:04:05.000Z",
    customerId: "c-00001",
    currency: "EUR",
    items: [{ productId: "p-0001", quantity: 1, unitPriceCents: 100 }],
    totalCents: 100,
  };
}

export function publication(order: OrderPlaced) {
  return { key: order.orderId, value: encode(order) } satisfies KeyedRecord;
}

export async function publishAll(kafka: Kafka, topic: string, batch: readonly KeyedRecord[]) {
  const publisher = await openPublisher(kafka, topic);
  try {
    for (let from = 0; from < batch.length; from += 500) {
      await publisher.publish(batch.slice(from, from + 500));
    }
  } finally {
    await publisher.close();
  }
}

/** Deletes a topic and creates it anew; resolves when it has another id. */
export async function recreateTopic(kafka: Kafka, topic: string, partitions: number) {
  const logs = createLogStates(kafka);
  const idNow = async () => (await logs.topicIds([topic]))?.get(topic);
  try {
    const before = await idNow();
    await withAdmin(kafka, async (admin) => {
      await admin.deleteTopics({ topics: [topic] });
      const topics = [{ topic, numPartitions: partitions }];
      await until(`${topic} is there again`, async () => {
        // On a busy machine it may be created, and say that it was not.
        await admin.createTopics({ topics }).catch(() => {});
        const now = await idNow();
        return now !== undefined && now !== before;
      });
    });
  } finally {
    await logs.close();
  }
}

/** The id of the node that coordinates a group, or a transactional id. */
export async function coordinatorOf(
  kafka: Kafka,
  type: "group" | "transaction",
  key: string,
): Promise<number> {
  const cluster = createCluster(kafka);
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    const request = { groupId: key, coordinatorType: type === "group" ? 0 : 1 };
    const found = await cluster.findGroupCoordinator(request);
    return Number((found as unknown as { nodeId: number | string }).nodeId);
  } finally {
    await cluster.disconnect();
  }
}

export async function readAll(kafka: Kafka, topic: string): Promise<LogRecord[]> {
  const all: LogRecord[] = [];
  await withLogReader(kafka, async (reader) => {
    for await (const records of reader.read(topic)) all.push(...records);
  });
  return all;
}

/** ConfigResourceTypes.TOPIC of kafkajs. */
const TOPIC_RESOURCE = 2;

/** Replaces a topic's own settings; they take effect a moment later. */
export async function setTopicConfig(
  kafka: Kafka,
  topic: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const resources = [{ type: TOPIC_RESOURCE, name: topic, configEntries }];
  await withAdmin(kafka, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
}

/** The key of messages that test whether a topic accepts any. */
export const PROBE = "probe";

/** Makes a topic refuse every message, or stop so; some with the key PROBE may be in it afterwards. */
export async function setRefusing(kafka: Kafka, topic: string, refusing: boolean): Promise<void> {
  // The markers of transactions (78 bytes) still fit.
  await setTopicConfig(kafka, topic, { "max.message.bytes": String(refusing ? 100 : 1_048_588) });
  if (!refusing) return;
  const probe = [{ key: PROBE, value: new Uint8Array(1_000) }];
  await until(
    `${topic} refuses`,
    () => publishAll(kafka, topic, probe).then(() => false, () => true),
  );
}

/** A handler that refuses every order: the smallest whole transformation. */
export const refuse: Handler<OrderPlaced> = (batch) =>
  Promise.resolve({
    events: batch.map(({ event }): OrderRejected => ({
      type: "OrderRejected",
      version: 1,
      eventId: eventId(event.orderId, "OrderRejected"),
      orderId: event.orderId,
      occurredAt: event.occurredAt,
      placedAt: event.occurredAt,
      reason: "empty_order",
      detail: "a test",
    })),
  });

/** Runs a validator with `handler` until `stop` is called. */
export function startValidator(
  bootstrap: string,
  names: Names,
  handler: Handler<OrderPlaced>,
  options: Partial<ProcessorOptions> = {},
) {
  const controller = new AbortController();
  const processor = createProcessor({
    access: { brokers: bootstrap.split(",") },
    clientId: "test-validator",
    service: "validator",
    names,
    handlers: { "orders.raw": handler },
    guarantee: "exactly_once",
    sessionTimeoutMs: 6_000,
    transactionTimeoutMs: 6_000,
    maxBatch: 100,
    drainTimeoutMs: 10_000,
    log: configureLogging("test", "error", "text"),
    metrics: createProcessorMetrics(new Registry()),
    ...options,
  });
  const ended = processor.run(controller.signal);
  ended.catch(() => {});
  return {
    processor,
    ended,
    stop: () => {
      controller.abort();
      return ended;
    },
  };
}
