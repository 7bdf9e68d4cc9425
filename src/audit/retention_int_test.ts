/** The command over a log whose beginning Kafka has deleted, and over one that it compacts. */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import {
  commandOf,
  publishFixture,
  runCommand,
  storeFixture,
} from "../commands/testing/fixtures.ts";
import { openTransactionalSender } from "../kafka/producer/transactional_sender.ts";
import { createLogStates } from "../kafka/log_watch/log_states.ts";
import { openLogReader } from "../kafka/readers/log_reader.ts";
import { setTopicConfig } from "../kafka/testing/topics.ts";
import { createClient, withAdmin } from "../kafka/client/client.ts";
import { startTestBroker } from "../local/testing/test_broker.ts";
import { until } from "../runtime/until.ts";
import { TOPIC_NAMES } from "../topology.ts";
import { openAuditFile } from "./audit.ts";
import { LogChanged } from "./load/topics.ts";
import {
  deleteBefore,
  eventsOf,
  type Fixture,
  PARTITIONS,
  placeIn,
  SERVICE_TABLES,
} from "./testing/fixture.ts";
import { createFixture, type Scenario } from "./testing/scenarios.ts";

const HOUR_MS = 3_600_000;
const ORDERS = 12;
const DELETED = 6;
/** All of a partition. */
const ALL = "-1";

Deno.test("audit: over a real log that is not whole", async (t) => {
  await using broker = await startTestBroker();
  const { bootstrap } = broker;
  const kafka = createClient({ brokers: [bootstrap] }, "test");
  let runs = 0;

  /** Orders of an hour each, written now: half of them an hour and more after now, so that they are judged. */
  const published = async (mutate: (fixture: Fixture) => void = () => {}) => {
    const beginMs = Date.now() - (DELETED + 0.5) * HOUR_MS;
    const scenarios = Array.from({ length: ORDERS }, (): Scenario => "confirmed");
    const fixture = createFixture(scenarios, `cut${++runs}.`, { beginMs, everyMs: HOUR_MS });
    mutate(fixture);
    await publishFixture(bootstrap, fixture);
    deleteBefore(fixture, beginMs + DELETED * HOUR_MS);
    return fixture;
  };
  const deleteRecords = (topic: string, offsets: (partition: number) => string) =>
    withAdmin(kafka, async (admin) => {
      // kafkajs has to know the topic first.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({
        topic,
        partitions: Array.from({ length: PARTITIONS }, (_, partition) => ({
          partition,
          offset: offsets(partition),
        })),
      });
    });
  /** Kafka deletes what the fixture has deleted. */
  const deleteOld = async ({ names, firsts }: Fixture) => {
    for (const topic of TOPIC_NAMES.map((name) => names.topic(name))) {
      await deleteRecords(topic, (partition) => String(firsts.get(placeIn(topic, partition)) ?? 0));
    }
  };
  const auditFixture = async (fixture: Fixture) => {
    const directory = await Deno.makeTempDir({ prefix: "orderflow-audit-" });
    try {
      await storeFixture(directory, fixture);
      const { prefix } = fixture.names;
      return await runCommand("audit/main.ts", [], { bootstrap, prefix, directory });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  };

  await t.step("passes where everything was read, and says what it covers", async () => {
    const fixture = await published();
    await deleteOld(fixture);
    const { code, stdout } = await auditFixture(fixture);
    assertEquals(code, 0, stdout);
    assertMatch(stdout, /scope: orders placed after \S+; .* 1 older orders are not judged/);
    assertMatch(stdout, /scope: orders\.raw has offsets 2 to 5 in 0/);
  });

  await t.step("fails where something was not read, and names who had not read it", async () => {
    const fixture = await published((fixture) =>
      fixture.committed.payment.set(placeIn(fixture.names.topic("orders.validated"), 1), 1)
    );
    await deleteOld(fixture);
    const { code, stdout } = await auditFixture(fixture);
    assertEquals(code, 1);
    assertStringIncludes(
      stdout,
      "orders.validated 1: its messages before offset 2 were deleted, and payment had read those " +
        "before 1 only",
    );
  });

  await t.step("proves nothing where all is deleted, and misses no control record", async () => {
    // The simulator writes orders.raw without transactions: but for this test no control record is there.
    const fixture = await published(({ names, ends, committed: { validator } }) => {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const place = placeIn(names.topic("orders.raw"), partition);
        validator.set(place, ends.get(place)! + 1);
      }
    });
    for (const topic of TOPIC_NAMES) await deleteRecords(fixture.names.topic(topic), () => ALL);
    const { code, stdout } = await auditFixture(fixture);
    assertEquals(code, 1);
    assertMatch(stdout, /PASS G1 no message was deleted before its readers had read it/);
    assertMatch(stdout, /\nAUDIT FAILED: nothing is proven: no order is judged\n$/);
  });

  await t.step("refuses a topic that is compacted, and says the way out", async () => {
    const fixture = await published();
    const name = fixture.names.topic("inventory.events");
    await setTopicConfig(kafka, name, { "cleanup.policy": "compact,delete" });
    const { code, stdout, stderr } = await auditFixture(fixture);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^audit: \S+inventory\.events is compacted \(cleanup\.policy=compact,delete\): .*\n$/,
    );
    assertStringIncludes(stderr, "set cleanup.policy=delete");
  });

  await t.step(
    "a topic that was created anew is another one, though it ends where it did",
    async () => {
      const fixture = createFixture(["confirmed", "rejected"], "anew.");
      const { names, records } = fixture;
      await publishFixture(bootstrap, fixture);
      const reader = await openLogReader(kafka);
      const logs = createLogStates(kafka);
      const file = openAuditFile(":memory:", SERVICE_TABLES);
      const audit = () =>
        file.audit({
          reader,
          names,
          topicIds: logs.topicIds,
          committedOffsets: () => Promise.resolve(new Map()),
          tables: { async *scan() {} },
          patienceMs: 0,
        });
      try {
        for (let n = 0; n < 2; n++) assertEquals((await audit()).events.OrderPlaced, 2);
        const topic = names.topic("orders.raw");
        await withAdmin(kafka, async (admin) => {
          await admin.deleteTopics({ topics: [topic] });
          await until("it is gone", async () => !(await admin.listTopics()).includes(topic));
        });
        const again = records.filter((record) => record.topic === topic);
        await publishFixture(bootstrap, { ...fixture, records: again });
        await assertRejects(audit, LogChanged, `${topic} was deleted and created again`);
      } finally {
        file.close();
        await logs.close();
        await reader.close();
      }
    },
  );

  await t.step(
    "--follow: a line for each audit, of what is new; ends with the last result",
    async () => {
      const fixture = createFixture(["confirmed", "rejected"], "follow.");
      await publishFixture(bootstrap, fixture);
      const directory = await Deno.makeTempDir({ prefix: "orderflow-audit-" });
      await storeFixture(directory, fixture);
      const args = ["--follow", "--every", "1", "--wait", "1", "--json"];
      const options = { bootstrap, prefix: fixture.names.prefix, directory };
      const process = commandOf("audit/main.ts", args, options).spawn();
      const lines = createInterface({ input: Readable.fromWeb(process.stdout as never) })
        [Symbol.asyncIterator]();
      const next = async () => JSON.parse((await lines.next()).value ?? "");
      try {
        assertEquals((await next()).passed, true);
        const [confirmed] = eventsOf(fixture, 0, "OrderConfirmed");
        const sender = await openTransactionalSender(kafka, "follow.again");
        await sender.send([confirmed!]);
        await sender.close();
        let report = await next();
        while (report.passed) report = await next();
        const [failed] = report.checks.filter(({ passed }: { passed: boolean }) => !passed);
        assertMatch(failed.offenders[0].what, /^OrderConfirmed again, at orders\.outcomes 0@\d+$/);
        assertEquals(report.events.OrderConfirmed, 2);
      } finally {
        process.kill("SIGINT");
      }
      const { code } = await process.status;
      assertEquals(code, 1);
      // Nobody reads what was written by hand.
      assertMatch(await new Response(process.stderr).text(), /^audit: not at rest after 1 s: /m);
      assertEquals([...Deno.readDirSync(directory)].filter(({ name }) => /audit/.test(name)), []);
      await Deno.remove(directory, { recursive: true });
    },
  );
});
