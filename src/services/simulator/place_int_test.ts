import { assert, assertEquals } from "@std/assert";
import { decode } from "../../events/codec.ts";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { until } from "../../runtime/until.ts";
import { openDatabase } from "../../database/open.ts";
import { createClient } from "../../kafka/client/client.ts";
import { readAll } from "../../kafka/testing/topics.ts";
import { type LogRecord } from "../../kafka/records.ts";
import { openPublisher } from "../../kafka/producer/publisher.ts";
import { createTopics } from "../../kafka/topics.ts";
import { Names } from "../../topology.ts";
import { createOrderMaker, orderIdOf } from "./make_order.ts";
import { SMALL_CATALOG } from "./testing/catalog.ts";
import { createPace } from "./pace.ts";
import { placeOrders, type Placing } from "./place.ts";
import { beginRun, runs, simulatorTables } from "./runs.ts";

/** The order that a message names: by its key, or, where that is missing, by its value. */
function orderOf({ key, value }: LogRecord): string {
  const utf8 = new TextDecoder();
  return key ? utf8.decode(key) : JSON.parse(utf8.decode(value!)).orderId;
}

/** Places orders on a cluster of its own; `during` is called with the progress, once it has begun. */
async function run(options: {
  orders: number;
  ratePerS: number;
  during?: (
    progress: Placing,
    broker: Awaited<ReturnType<typeof startTestBroker>>,
  ) => Promise<void>;
}) {
  await using broker = await startTestBroker();
  const directory = await Deno.makeTempDir({ prefix: "orderflow-simulator-" });
  const database = await openDatabase({ directory, owner: "simulator", tables: simulatorTables });
  try {
    const kafka = createClient({ brokers: [broker.bootstrap] }, "simulator-test");
    const names = new Names("place-test.");
    await createTopics(kafka, names, { partitions: 3, replicationFactor: 1 });
    const topic = names.topic("orders.raw");
    const orders = { seed: 1, zipfExponent: 1, refusedShare: 0.04, brokenShare: 0.02 };
    const record = await beginRun(database, { runId: "r1", orders }, Date.now());
    const progress: Placing = { placed: 0, acknowledged: 0 };
    const troubles: (string | undefined)[] = [];
    const placing = placeOrders({
      pace: createPace({ ...options, first: 0, durationMs: 0 }),
      makeOrder: createOrderMaker({ catalog: SMALL_CATALOG, runId: "r1", ...orders }),
      openPublisher: () => openPublisher(kafka, topic),
      arrived: new Set(),
      record: (reach) => record.save(reach, Date.now()),
      maxBatch: 1_000,
      signal: new AbortController().signal,
      drainTimeoutMs: 5_000,
      onTrouble: (reason) => troubles.push(reason),
    }, progress);
    await Promise.all([placing, options.during?.(progress, broker)]);
    await record.end(progress, Date.now());
    const rows = await database.transaction((tx) => tx.select(runs, ["r1"]));
    return {
      acknowledged: rows[0]!.acknowledged!,
      records: await readAll(kafka, topic),
      progress,
      troubles,
    };
  } finally {
    await database.close();
    await Deno.remove(directory, { recursive: true });
  }
}

const orderIds = (count: number) => Array.from({ length: count }, (_, n) => orderIdOf("r1", n));

Deno.test("placeOrders: what is acknowledged is in the log, each order once", async () => {
  const { acknowledged, records, progress, troubles } = await run({ orders: 5_000, ratePerS: 0 });
  assertEquals(progress, { placed: 5_000, acknowledged: 5_000 });
  assertEquals(acknowledged, 5_000);
  assertEquals(records.map(orderOf).toSorted(), orderIds(5_000));
  assertEquals(troubles, []);
  const broken = records.filter(({ key, value }) => !decode("orders.raw", key, value).ok).length;
  assert(broken > 50 && broken < 150, `${broken} of 5,000`);
});

Deno.test("placeOrders: a broker that is killed and started again loses nothing acknowledged", async () => {
  const orders = 6_000;
  const { acknowledged, records, troubles } = await run({
    orders,
    ratePerS: 2_000,
    async during(progress, broker) {
      await until("some are acknowledged", () => progress.acknowledged >= orders / 4, 20_000, 5);
      await broker.kill();
      assert(progress.acknowledged < orders, "the broker was to be gone in the middle");
      await broker.start();
    },
  });
  assertEquals(acknowledged, orders);
  // A batch whose acknowledgement got lost is there twice.
  assertEquals([...new Set(records.map(orderOf))].toSorted(), orderIds(orders));
  assertEquals(troubles.length % 2, 0);
});
