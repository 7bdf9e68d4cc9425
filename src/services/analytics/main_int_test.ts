/**
 * Analytics as the process that its task starts, with its permissions, on a real broker: live figures,
 * those rebuilt from the log, and those computed here from the events published are the same.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encode } from "../../events/codec.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import { startTask, type TaskProcess } from "../../local/task.ts";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { committedOffsets } from "../../kafka/offsets/committed_offsets.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, publishAll } from "../../kafka/testing/topics.ts";
import { type Names, topicOf, topicsReadBy } from "../../topology.ts";
import { block } from "./console/display.ts";
import type { Figures, Snapshot } from "./snapshot.ts";
import { eventsOf, figuresOf, NOON_MS, sampleOrders } from "./testing/orders.ts";

type Kafka = Awaited<ReturnType<typeof freshTopics>>["kafka"];

const broker = sharedByTests(startTestBroker);
let logs: string;
Deno.test.beforeAll(async () => {
  logs = await Deno.makeTempDir({ prefix: "orderflow-analytics-" });
});
Deno.test.afterAll(() => Deno.remove(logs, { recursive: true }));

/** Four of each topic that analytics reads. */
const PARTITIONS = 4 * topicsReadBy("analytics").length;

/** All figures except the one that depends on the order of arrival. */
function timeless(snapshot: Snapshot) {
  return { ...snapshot, lateEvents: undefined };
}

/** Publishes events on their topics, each topic's from its end to its beginning. */
async function publish(kafka: Kafka, names: Names, events: readonly OrderEvent[]): Promise<void> {
  for (const topic of topicsReadBy("analytics")) {
    const mine = events.filter((event) => topicOf(event.type) === topic).toReversed();
    const messages = mine.map((event) => ({ key: event.orderId, value: encode(event) }));
    await publishAll(kafka, names.topic(topic), messages);
  }
}

/** What must not be counted: an aborted transaction, and a message that is not an event. */
async function publishNoise(kafka: Kafka, names: Names, events: readonly OrderEvent[]) {
  const producer = kafka.producer({
    transactionalId: `${names.prefix}noise`,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  try {
    const aborted = await producer.transaction();
    await aborted.send({
      topic: names.topic("orders.outcomes"),
      messages: events.filter((event) => topicOf(event.type) === "orders.outcomes")
        .map((event) => ({ key: event.orderId, value: Buffer.from(encode(event)) })),
    });
    await aborted.abort();
  } finally {
    await producer.disconnect();
  }
  const broken = { key: "r1-000001", value: Uint8Array.of(0, 255) };
  await publishAll(kafka, names.topic("payment.events"), [broken]);
}

function start(names: Names, name: string, args: string[], stdout: "piped" | "log" = "log") {
  const logFile = `${logs}/${names.prefix}${name}.log`;
  const process = startTask({
    task: "analytics",
    name,
    args,
    env: { KAFKA_BROKERS: broker.bootstrap, TOPIC_PREFIX: names.prefix, HTTP_PORT: "0" },
    logFile,
    stdout,
  });
  return { process, log: () => Deno.readTextFileSync(logFile) };
}

/** What a running analytics serves at `path`, as soon as it serves at all. */
async function get({ log }: ReturnType<typeof start>, path: string): Promise<Response> {
  let url: string | undefined;
  await until("it serves", () => {
    url = /figures at (http:\S+)\/snapshot/.exec(log())?.[1];
    return url !== undefined;
  });
  return await fetch(`${url}${path}`);
}

/** The figures that a running analytics serves, once it has counted as many events as `like`. */
async function served(running: ReturnType<typeof start>, like: Snapshot): Promise<Figures> {
  const counts = ({ orders, stock, payments }: Snapshot) =>
    JSON.stringify([orders, stock, payments]);
  let figures: Figures | undefined;
  try {
    await until("all is counted", async () => {
      figures = await (await get(running, "/snapshot")).json();
      return counts(figures!.snapshot) === counts(like);
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${running.log()}`);
  }
  return figures!;
}

async function outputOf({ process }: { process: TaskProcess }) {
  const lines: string[] = [];
  for await (const line of process.lines) lines.push(line);
  return { lines, code: (await process.status).code };
}

/** The lines of a block that do not depend on when and by whom it was drawn. */
function figureLines(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line.startsWith("orders "));
  return lines.slice(first, lines.findIndex((line) => line.startsWith("lag ")));
}

function linesOf(snapshot: Snapshot): string[] {
  const reading = {
    source: "log",
    group: "",
    partitions: 0,
    startedAt: new Date(NOON_MS).toISOString(),
    notReady: null,
    progress: null,
    undecodableMessages: 0,
  } as const;
  return figureLines(block({ snapshot, reading, lag: null }, NOON_MS));
}

/** The offsets that groups have committed, of all topics that analytics reads. */
async function committed(kafka: Kafka, names: Names, services: ("inventory" | "analytics")[]) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const offsets: Record<string, [number, number][]> = {};
    for (const service of services) {
      for (const topic of topicsReadBy("analytics")) {
        const group = names.group(service);
        const byPartition = await committedOffsets(admin, group, names.topic(topic));
        offsets[`${group} ${topic}`] = [...byPartition].toSorted(([a], [b]) => a - b);
      }
    }
    return offsets;
  } finally {
    await admin.disconnect();
  }
}

Deno.test("analytics: live figures, figures rebuilt from the log, and expected figures are equal", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  // More than the ten minutes of the windows.
  const events = sampleOrders(800, NOON_MS, 1_000).flatMap(eventsOf);
  const figures = figuresOf(events);
  await publish(kafka, names, events);
  await publishNoise(kafka, names, events);
  const admin = kafka.admin();
  await admin.connect();
  await admin.setOffsets({
    groupId: names.group("inventory"),
    topic: names.topic("orders.validated"),
    partitions: [{ partition: 0, offset: "3" }],
  });
  await admin.disconnect();
  const others = await committed(kafka, names, ["inventory"]);

  const live = start(names, "live", []);
  try {
    const { snapshot, reading } = await served(live, figures);
    assertEquals(timeless(snapshot), timeless(figures));
    await until("the broken one is counted, too", async () => {
      const { reading }: Figures = await (await get(live, "/snapshot")).json();
      return reading.undecodableMessages === 1;
    });
    assertEquals([reading.source, reading.partitions, reading.notReady], [
      "group",
      PARTITIONS,
      null,
    ]);
    assertEquals(await (await get(live, "/readyz")).text(), "ready\n");
    assertStringIncludes(
      await (await get(live, "/metrics")).text(),
      `\norderflow_analytics_orders_total{stage="confirmed",service="analytics"} ` +
        `${figures.orders.confirmed}\n`,
    );
    await until("its lag is gone", async () => {
      const { lag }: Figures = await (await get(live, "/snapshot")).json();
      const mine = lag?.find(({ service }) => service === "analytics");
      return mine?.members === 1 && mine.lagMessages === 0;
    });
  } finally {
    assertEquals((await live.process.stop(20_000)).code, 0);
  }
  assertStringIncludes(live.log(), "not an event, left out: payment.events");
  const before = await committed(kafka, names, ["inventory", "analytics"]);

  const once = await outputOf(start(names, "once", ["--from-beginning", "--once"], "piped"));
  assertEquals(once.code, 0);
  assertEquals(figureLines(once.lines), linesOf(figures));
  assertStringIncludes(once.lines.at(-1)!, "1 message left out: not an event");

  const rebuilt = start(names, "rebuilt", ["--from-beginning"]);
  try {
    const { snapshot, reading } = await served(rebuilt, figures);
    assertEquals(timeless(snapshot), timeless(figures));
    assertEquals([reading.source, reading.partitions], ["log", PARTITIONS]);
    // It goes on live.
    const more = sampleOrders(820, NOON_MS, 1_000).slice(800).flatMap(eventsOf);
    await publish(kafka, names, more);
    const all = figuresOf([...events, ...more]);
    assertEquals(timeless((await served(rebuilt, all)).snapshot), timeless(all));
  } finally {
    assertEquals((await rebuilt.process.stop(20_000)).code, 0);
  }
  assertEquals(await committed(kafka, names, ["inventory", "analytics"]), before);
  assertEquals(await committed(kafka, names, ["inventory"]), others);
});

Deno.test("analytics --once: as a member, counts what its group had not read, and ends", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  const orders = sampleOrders(60, NOON_MS, 100);
  const batches = [orders.slice(0, 40), orders.slice(40)].map((some) => some.flatMap(eventsOf));
  for (const [index, batch] of batches.entries()) {
    await publish(kafka, names, batch);
    const { lines, code } = await outputOf(start(names, `once-${index}`, ["--once"], "piped"));
    assertEquals(code, 0);
    assertEquals(figureLines(lines), linesOf(figuresOf(batch)));
    assert(lines.some((line) => /analytics +0 +0$/.test(line)), lines.join("\n"));
  }
});

Deno.test("analytics: started first, it says in one line what it waits for, and stops when asked to", async () => {
  const { names } = await freshTopics(broker.bootstrap);
  const nowhere = { prefix: `${names.prefix}not-there.` } as Names;
  const waiting = start(nowhere, "waiting", []);
  await until("it says so", () => waiting.log().includes("waiting for the topics"));
  const response = await get(waiting, "/readyz");
  assertEquals(response.status, 503);
  assertMatch(await response.text(), /not ready: waiting for the topics/);
  const { snapshot }: Figures = await (await get(waiting, "/snapshot")).json();
  assertEquals(snapshot.newestEventAt, null);
  assertEquals((await waiting.process.stop(20_000)).code, 0);
  assertEquals(waiting.log().match(/waiting for/g)?.length, 1);
});

Deno.test("analytics: a clock an hour ahead is named, by how much, in the log and on /metrics", async () => {
  const { kafka, names } = await freshTopics(broker.bootstrap, 2);
  const live = start(names, "clock", []);
  try {
    const events = sampleOrders(5, Date.now() + 3_600_000, 10).flatMap(eventsOf);
    await publish(kafka, names, events);
    const line = /WARNING the clock of the simulator is 3[56]\d\d s ahead of this process's/;
    await until("it is named", () => line.test(live.log()));
    const metrics = await (await get(live, "/metrics")).text();
    assertMatch(metrics, /^orderflow_clock_off_seconds\{service="simulator"\} 3[56]\d\d/m);
  } finally {
    await live.process.stop(20_000);
  }
});
