/** Topics whose partitions are changed from outside, under running processors and readers. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Kafka } from "kafkajs";
import { Registry } from "prom-client";
import { encode } from "../events/codec.ts";
import type { OrderEvent } from "../events/schemas.ts";
import { sharedByTests, startTestBroker } from "../local/testing/test_broker.ts";
import type { Logger } from "../runtime/log.ts";
import { createProjection } from "../services/analytics/projection.ts";
import { eventsOf } from "../services/analytics/testing/orders.ts";
import { findOrder } from "../services/analytics/web/order.ts";
import {
  type Names,
  type Processor,
  PROCESSORS,
  type Topic,
  topicOf,
  topicsReadBy,
  topicsWrittenBy,
} from "../topology.ts";
import type { Handler } from "./processor/handler.ts";
import { createProcessorMetrics } from "./metrics.ts";
import { committedOffsets } from "./offsets/committed_offsets.ts";
import { partitionForKey } from "./producer/partitioning.ts";
import { type Guarantee, GUARANTEES } from "./processor/options.ts";
import { openPublisher } from "./producer/publisher.ts";
import { until } from "../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  readAll,
  refuse,
  startValidator,
} from "./testing/topics.ts";
import { createTopics } from "./topics.ts";
import { openTransactionalSender } from "./producer/transactional_sender.ts";

/** Short, for a test. */
const MAX_AGE_MS = 300;

const broker = sharedByTests(startTestBroker);

const utf8 = new TextDecoder();
/** Notes the lines that people see. */
function noteLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const note = (line: unknown) => void lines.push(String(line));
  const ignore = () => {};
  return {
    log: { debug: ignore, info: note, warn: note, error: note } as unknown as Logger,
    lines,
  };
}

async function withAdmin(kafka: Kafka, work: (admin: ReturnType<Kafka["admin"]>) => Promise<void>) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Gives one topic more partitions, as Kafka's own tool does. */
function raiseAlone(kafka: Kafka, topic: string, count: number): Promise<void> {
  return withAdmin(kafka, async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    await until("it has them", async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]!.partitions.length === count;
    });
  });
}

function deleteTopic(kafka: Kafka, topic: string): Promise<void> {
  return withAdmin(kafka, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await until(`${topic} is gone`, async () => !(await admin.listTopics()).includes(topic));
  });
}

/** An event of each topic, of the order with this number. */
function eventOf(topic: Topic, sequence: number): OrderEvent {
  if (topic === "orders.raw") return placed(sequence);
  const order = { sequence, placedAtMs: 0, latencyMs: 10, totalCents: 100, currency: "EUR" };
  return eventsOf({ ...order, scenario: "confirmed" }).find(({ type }) => topicOf(type) === topic)!;
}

const sequenceOf = (orderId: string) => Number(orderId.split("-")[1]);
/** Publishes an event for each order, to the partition that its number says. */
async function put(kafka: Kafka, names: Names, topic: Topic, orders: readonly [number, number][]) {
  const sender = await openTransactionalSender(kafka, `${names.prefix}test`);
  await sender.send(orders.map(([sequence, partition]) => {
    const event = eventOf(topic, sequence);
    const key = new TextEncoder().encode(event.orderId);
    return { topic: names.topic(topic), partition, key, value: encode(event), headers: {} };
  }));
  await sender.close();
}

/** A service that answers each message with an event in each topic that it writes. */
function startService(service: Processor, names: Names, guarantee: Guarantee) {
  const { log, lines } = noteLog();
  const registry = new Registry();
  const answer: Handler = (batch) =>
    Promise.resolve({
      events: batch.flatMap(({ event }) =>
        topicsWrittenBy(service).map((topic) => eventOf(topic, sequenceOf(event.orderId)))
      ),
    });
  const running = startValidator(broker.bootstrap, names, refuse, {
    service,
    handlers: Object.fromEntries(topicsReadBy(service).map((topic) => [topic, answer])),
    guarantee,
    metadataMaxAgeMs: MAX_AGE_MS,
    log,
    metrics: createProcessorMetrics(registry),
  });
  return { ...running, lines, registry };
}

/** Of the orders in a topic, `order@partition`, each as often as it is there. */
async function placesIn(kafka: Kafka, topic: string): Promise<string[]> {
  return (await readAll(kafka, topic))
    .map(({ key, partition }) => `${sequenceOf(utf8.decode(key!))}@${partition}`).toSorted();
}

for (const service of PROCESSORS) {
  for (const guarantee of GUARANTEES) {
    Deno.test(`${service}, ${guarantee}: an input with a partition that its outputs lack: not ready, nothing of it is committed; with it in all topics, it is worked on`, async () => {
      const { kafka, names } = await freshTopics(broker.bootstrap, 2);
      const input = topicsReadBy(service)[0]!;
      const raised = names.topic(input);
      const running = startService(service, names, guarantee);
      const { processor, lines, registry } = running;
      await until("it works", () => processor.notReady() === undefined);
      await raiseAlone(kafka, raised, 3);
      await put(kafka, names, input, [[0, 0], [1, 1], [2, 2]]);
      const said = () => processor.notReady() ?? "";
      await until("it says so", () => said().includes(`${raised} 3, `));
      assertMatch(said(), /`deno task topics --partitions 3`/);
      const outputs = topicsWrittenBy(service).map((topic) => names.topic(topic));
      for (const topic of outputs) {
        await until(
          "the partitions that all have go on",
          async () => (await placesIn(kafka, topic)).length === 2,
        );
      }
      await until("it has tried", () => lines.some((line) => line.includes("has no partition 2")));
      await withAdmin(kafka, async (admin) => {
        assertEquals(
          (await committedOffsets(admin, names.group(service), raised)).get(2),
          undefined,
        );
      });
      for (const topic of outputs) assertEquals(await placesIn(kafka, topic), ["0@0", "1@1"]);

      const { raised: done } = await createTopics(kafka, names, { partitions: 3 });
      assertEquals(done.map(({ from }) => from), [2, 2, 2, 2]);
      await put(kafka, names, input, [[3, 2]]);
      for (const topic of outputs) {
        await until("all is there", async () => (await placesIn(kafka, topic)).length === 4);
        assertEquals(await placesIn(kafka, topic), ["0@0", "1@1", "2@2", "3@2"]);
      }
      await until("it is ready again", () => processor.notReady() === undefined);
      await running.stop();
      const count = (what: string) => lines.filter((line) => line.includes(what)).length;
      assertEquals(count("different numbers of partitions"), 1, lines.join("\n"));
      assertEquals(count("the same number of partitions"), 1, lines.join("\n"));
      const [counter] = await registry.getMetricsAsJSON()
        .then((metrics) => metrics.filter(({ name }) => name === "orderflow_events_total"));
      const counted = counter!.values.reduce((sum, { value }) => sum + value, 0);
      assertEquals(counted, 4 * outputs.length, "an event counts when it is committed");
    });
  }
}

Deno.test("validator: an output with more partitions than the others: not ready, and all goes on", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 2);
  const { processor, stop } = startService("validator", names, "exactly_once");
  await until("it works", () => processor.notReady() === undefined);
  await raiseAlone(kafka, names.topic("orders.outcomes"), 3);
  await until(
    "it says so",
    () => processor.notReady()?.includes(`${names.topic("orders.outcomes")} 3`) ?? false,
  );
  await put(kafka, names, "orders.raw", [[0, 0], [1, 1]]);
  const outcomes = names.topic("orders.outcomes");
  await until("all is published", async () => (await placesIn(kafka, outcomes)).length === 2);
  await createTopics(kafka, names, {});
  await until("it is ready again", () => processor.notReady() === undefined);
  await stop();
});

for (const gone of ["orders.outcomes", "payment.events", "dlq.validator"] as const) {
  for (const guarantee of GUARANTEES) {
    Deno.test(`validator, ${guarantee}: ${gone} is deleted: not ready, and nothing is lost once it is there again`, async () => {
      const { kafka, names } = await freshTopics(broker.bootstrap, 2);
      const { processor, lines, stop } = startService("validator", names, guarantee);
      const outcomes = names.topic("orders.outcomes");
      await put(kafka, names, "orders.raw", [[0, 0], [1, 1]]);
      await until(
        "the first are published",
        async () => (await placesIn(kafka, outcomes)).length === 2,
      );
      await deleteTopic(kafka, names.topic(gone));
      await put(kafka, names, "orders.raw", [[2, 0], [3, 1]]);
      const [broken] = [new TextEncoder().encode("broken")];
      await publishAll(kafka, names.topic("orders.raw"), [{ key: "a", value: broken! }]);
      const reason = `the topic ${
        names.topic(gone)
      } is gone: \`deno task topics --partitions 2\` creates`;
      await until("it names it", () => processor.notReady()?.includes(reason) ?? false);
      const { created } = await createTopics(kafka, names, {});
      assertEquals(created, [names.topic(gone)]);
      const expected = gone === "orders.outcomes" ? ["2@0", "3@1"] : ["0@0", "1@1", "2@0", "3@1"];
      await until(
        "all is published",
        async () => new Set(await placesIn(kafka, outcomes)).size === expected.length,
      );
      await until(
        "the dead letter is there",
        async () => (await readAll(kafka, names.topic("dlq.validator"))).length > 0,
      );
      await until("it is ready again", () => processor.notReady() === undefined);
      await stop();
      const found = await placesIn(kafka, outcomes);
      assertEquals(guarantee === "exactly_once" ? found : [...new Set(found)], expected);
      assertEquals(lines.filter((line) => line.includes(reason)).length, 1, lines.join("\n"));
    });
  }
}

Deno.test("all topics raised while orders flow: two members, publisher and log readers find the new partitions, each order once", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 2);
  const [raw, outcomes] = [names.topic("orders.raw"), names.topic("orders.outcomes")];
  const members = [0, 1].map(() => startService("validator", names, "exactly_once"));
  const { log, lines } = noteLog();
  const projections = [true, false].map((fromBeginning) =>
    createProjection({
      access: { brokers: [broker.bootstrap] },
      clientId: "test",
      names,
      once: false,
      fromBeginning,
      drainTimeoutMs: 10_000,
      metadataMaxAgeMs: MAX_AGE_MS,
      log,
    })
  );
  const stop = new AbortController();
  const counted = projections.map((projection) => projection.run(stop.signal));
  const publisher = await openPublisher(kafka, raw);
  let sequence = 0;
  const publish = () =>
    publisher.publish(Array.from({ length: 20 }, () => publication(placed(sequence++))));
  await publish();
  await until("orders are settled", async () => (await placesIn(kafka, outcomes)).length === 20);
  await until(
    "all are ready",
    () =>
      members.every(({ processor }) => processor.notReady() === undefined) &&
      projections.every((projection) => projection.reading().notReady === null),
  );
  await createTopics(kafka, names, { partitions: 3 });
  await until("a new order is settled in the new partition", async () => {
    await publish();
    return (await placesIn(kafka, outcomes)).some((place) => place.endsWith("@2"));
  });
  await until("all are settled", async () => (await placesIn(kafka, outcomes)).length >= sequence);
  await publisher.close();
  for (const projection of projections) {
    await until(
      "analytics has counted all",
      () => (projection.aggregate.events.get("OrderConfirmed") ?? 0) >= sequence,
    );
    await until("and reads all", () => projection.reading().partitions === 4 * 3);
  }
  const { orderId } = Array.from({ length: 20 }, (_, n) => placed(n))
    .find(({ orderId }) => partitionForKey(orderId, 2) !== partitionForKey(orderId, 3))!;
  const cluster = { access: { brokers: [broker.bootstrap] }, clientId: "test", names };
  const timeline = await findOrder(cluster, orderId, stop.signal);
  const events = timeline?.steps.map(({ event }) => event) ?? [];
  assert(events.includes("OrderPlaced"), "what began before the raise is found");
  stop.abort();
  await Promise.all([...counted, ...members.map((member) => member.stop())]);
  const found = await placesIn(kafka, outcomes);
  assertEquals(found, await placesIn(kafka, raw), "an order's events stay in its partition");
  assertEquals(new Set(found.map((place) => place.split("@")[0])).size, sequence);
  const warned = [...lines, ...members.flatMap((member) => member.lines)]
    .filter((line) => line.includes("partitions ("));
  assertEquals(warned, [], "raised together, they never differ");
});
