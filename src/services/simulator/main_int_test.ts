/** Real simulators that are cut off, and go on: every order of the run is on orders.raw once. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { argumentsOf, PROJECT, startTask } from "../../local/task.ts";
import { startTestBroker, type TestBroker } from "../../local/testing/test_broker.ts";
import { catalogTables, customers, products } from "../../database/catalog.ts";
import { openDatabase } from "../../database/open.ts";
import { openPublisher } from "../../kafka/producer/publisher.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, readAll } from "../../kafka/testing/topics.ts";
import { createOrderMaker, orderIdOf } from "./make_order.ts";
import { SMALL_CATALOG } from "./testing/catalog.ts";
import { beginRun, placements, runs, simulatorTables } from "./runs.ts";

const utf8 = new TextDecoder();

/** Fresh topics and tables on the broker; the settings of their simulators. */
async function setUp(broker: TestBroker) {
  const { kafka, names } = await freshTopics(broker.bootstrap);
  // In the project: the task may write nowhere else.
  const data = new URL(".data/", PROJECT).pathname;
  await Deno.mkdir(data, { recursive: true });
  const directory = await Deno.makeTempDir({ dir: data, prefix: "simulator-" });
  const catalog = await openDatabase({ directory, owner: "catalog", tables: catalogTables });
  const anyone = { name: "Anyone", country: "DE", currency: "EUR", tier: "gold", status: "active" };
  const anything = { name: "Anything", prices: '{"EUR":250}', status: "active" };
  await catalog.transaction(async (tx) => {
    await tx.insert(customers, [{ customer_id: "c-1", ...anyone }]);
    await tx.insert(products, [{ product_id: "p-1", ...anything }]);
  });
  await catalog.close();
  const database = await openDatabase({ directory, owner: "simulator", tables: simulatorTables });
  const env = {
    KAFKA_BROKERS: broker.bootstrap,
    TOPIC_PREFIX: names.prefix,
    DATA_DIR: directory,
    DATABASE_URL: "",
    DRAIN_TIMEOUT_MS: "1000",
    SIMULATOR_BROKEN_SHARE: "0.1",
    NO_COLOR: "1",
  };
  const topic = names.topic("orders.raw");
  // Its partitions have their leaders then: a producer that has to try again may write twice.
  await readAll(kafka, topic);
  const logFile = `${directory}/simulator.log`;
  return {
    kafka,
    topic,
    database,
    logFile,
    start: (args: string[]) =>
      startTask({ task: "simulator", name: "simulator", args, env, logFile }),
    /** Runs a simulator to its end; returns what it said. */
    async run(args: string[]) {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [...argumentsOf("simulator"), ...args],
        cwd: PROJECT,
        env,
      }).output();
      return { code, said: utf8.decode(stderr) };
    },
    async ledger() {
      const [[row], [placement]] = await database.transaction(async (tx) =>
        [await tx.select(runs, ["r1"]), await tx.select(placements, ["r1"])] as const
      );
      return {
        acknowledged: row?.acknowledged ?? 0,
        placed: placement?.placed ?? 0,
        isFinished: typeof row?.finished_at === "string",
      };
    },
    /** The orders that the messages of orders.raw name, in order of their ids. */
    async orders() {
      const records = await readAll(kafka, topic);
      return records.map(({ key, value }) =>
        key ? utf8.decode(key) : JSON.parse(utf8.decode(value!)).orderId
      ).toSorted();
    },
    async [Symbol.asyncDispose]() {
      await database.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

const idsOf = (first: number, end: number) =>
  Array.from({ length: end - first }, (_, i) => orderIdOf("r1", first + i));

Deno.test("simulator: killed with SIGKILL and gone on with, it places every order once", async () => {
  await using broker = await startTestBroker();
  await using setup = await setUp(broker);
  const orders = 60_000;
  const args = ["--run", "r1", "--orders", `${orders}`, "--rate", "0"];
  for (const share of [0.1, 0.3, 0.5]) {
    const simulator = setup.start(args);
    await until(`${share} acknowledged`, async () => {
      assert(simulator.running, await Deno.readTextFile(setup.logFile));
      return (await setup.ledger()).acknowledged >= share * orders;
    });
    simulator.signal("SIGKILL");
    await simulator.status;
    const { acknowledged, placed, isFinished } = await setup.ledger();
    assert(!isFinished && acknowledged < orders, "it was to be killed in mid-run");
    const found = await setup.orders();
    // Those of before are there, and none that it did not say it would place.
    const known = new Set(found);
    assertEquals(idsOf(0, acknowledged).filter((id) => !known.has(id)), []);
    const beyond = new Set(idsOf(placed, orders));
    assertEquals(found.filter((id) => beyond.has(id)), []);
  }
  const { code, said } = await setup.run(args);
  assertEquals(code, 0, said);
  assertMatch(
    said,
    /run r1 was cut off: [\d,]+ orders acknowledged, [\d,]+ more were on their way/,
  );
  assertEquals(await setup.orders(), idsOf(0, orders));
  assertEquals(await setup.ledger(), { acknowledged: orders, placed: orders, isFinished: true });
});

Deno.test("simulator: what had arrived of a run that was cut off is not placed again", async () => {
  await using broker = await startTestBroker();
  await using setup = await setUp(broker);
  // All of them broken, so that some have no key, and are known by their value.
  const settings = { seed: 1, refusedShare: 0, brokenShare: 1, zipfExponent: 1 };
  const make = (runId: string, from: number, end: number, brokenShare: number) => {
    const options = { catalog: SMALL_CATALOG, runId, ...settings, brokenShare };
    const maker = createOrderMaker(options);
    return Array.from({ length: end - from }, (_, i) => maker(from + i, Date.now()));
  };
  const record = await beginRun(setup.database, { runId: "r1", orders: settings }, Date.now());
  const publisher = await openPublisher(setup.kafka, setup.topic);
  await publisher.publish(make("r1", 0, 100, 1));
  await record.save({ acknowledged: 100, placed: 300 }, Date.now());
  // Of 200 on their way, every third arrived; another run has orders of the same numbers there.
  const arrived = make("r1", 100, 300, 1).filter((_, i) => i % 3 === 0);
  await publisher.publish(arrived);
  await publisher.publish(make("r2", 50, 350, 0));
  await publisher.close();

  const same = ["--refused-share", "0", "--broken-share", "1"];
  const args = ["--run", "r1", "--orders", "400", "--rate", "0", ...same];
  const { code, said } = await setup.run(args);
  assertEquals(code, 0, said);
  const found = "100 orders acknowledged, 200 more were on their way, of which 67 arrived";
  assertStringIncludes(said, `run r1 was cut off: ${found}`);
  const ids = (await setup.orders()).filter((id) => id.startsWith("r1-"));
  assertEquals(ids, idsOf(0, 400));
  assertEquals(await setup.ledger(), { acknowledged: 400, placed: 400, isFinished: true });
});

Deno.test("simulator: stopped while Kafka is away, it says what is unknown, and goes on", async () => {
  await using broker = await startTestBroker();
  await using setup = await setUp(broker);
  const simulator = setup.start(["--run", "r1", "--rate", "2000"]);
  const said = () => Deno.readTextFile(setup.logFile);
  await until("some are acknowledged", async () => (await setup.ledger()).acknowledged > 500);
  await broker.kill();
  await until("a batch fails", async () => (await said()).includes("trying again"));
  assertEquals((await simulator.stop(20_000)).code, 0, await said());
  const { acknowledged, placed, isFinished } = await setup.ledger();
  assert(!isFinished && placed > acknowledged);
  const unknown = (placed - acknowledged).toLocaleString("en-US");
  const goesOn = "`deno task simulator --run r1 --rate 2000 --broken-share 0.1` resumes it";
  assertStringIncludes(
    await said(),
    `run r1: ${unknown} orders were on their way, and may have arrived; ${goesOn}`,
  );

  await broker.start();
  const last = await setup.run(["--run", "r1", "--orders", `${placed + 100}`, "--rate", "0"]);
  assertEquals(last.code, 0, last.said);
  assertEquals(await setup.orders(), idsOf(0, placed + 100));
  const refused = await setup.run(["--run", "r1"]);
  assertEquals(refused.code, 1, refused.said);
  assertStringIncludes(refused.said, "simulator: --run: there was a run r1 already");
});

Deno.test("simulator: says that the topics differ in partitions, and loses nothing of what it places", async () => {
  await using broker = await startTestBroker();
  await using setup = await setUp(broker);
  const admin = setup.kafka.admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic: setup.topic, count: 6 }] });
  await admin.disconnect();
  const { code, said } = await setup.run(["--run", "r1", "--orders", "200", "--rate", "0"]);
  assertEquals(code, 0, said);
  assertStringIncludes(said, `WARNING the order topics have different numbers of partitions (`);
  assertStringIncludes(said, "`deno task topics --partitions 6` gives each 6");
  assertEquals(await setup.orders(), idsOf(0, 200));
});
