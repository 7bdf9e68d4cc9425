/** `groups reset` on a real broker: what it says, what it does, and what it leaves alone. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { openDatabase } from "../../database/open.ts";
import { inputOf, positionAt, positions, takePosition } from "../../database/positions.ts";
import { createClient } from "../../kafka/client/client.ts";
import { Producer } from "../../kafka/producer/producer.ts";
import { NO_MEMBER } from "../../kafka/protocol/requests.ts";
import { until } from "../../runtime/until.ts";
import { publishAll, readAll, refuse, startValidator } from "../../kafka/testing/topics.ts";
import { PROCESSORS } from "../../topology.ts";
import { createFixture, SCENARIOS } from "../../audit/testing/scenarios.ts";
import { jsonOf, publishFixture, runCommand, storeFixture } from "../testing/fixtures.ts";
import {
  committed,
  deleteGroup,
  deleteRecords,
  endsOf,
  freshPipeline,
  orders,
  outcomesOf,
  resetHere,
  tablesOf,
  workUntil,
} from "./testing/pipeline.ts";

const broken = { key: "broken", value: new Uint8Array([0xff]) };

const broker = sharedByTests(startTestBroker);
let directory: string;
Deno.test.beforeAll(async () => {
  directory = await Deno.makeTempDir({ prefix: "orderflow-reset-" });
});
Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

Deno.test("groups reset --to published: a group that was deleted goes on, nothing twice, nothing left out", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, folder, groups } = pipeline;
  const topic = names.topic("orders.raw");
  const place = { directory: folder, owner: "validator", tables: [positions] };
  const database = await openDatabase(place);
  const tables = { database, work: [] };
  try {
    await publishAll(kafka, topic, [...orders(0, 30), broken, ...orders(30, 40)]);
    await workUntil(pipeline, 40, tables);
    const before = await committed(kafka, names);
    await deleteGroup(kafka, names, "validator");
    await publishAll(kafka, topic, orders(40, 60));
    const resting = startValidator(broker.bootstrap, names, refuse, { tables });
    await until("it says so", () => /groups reset/.test(resting.processor.notReady() ?? ""));
    await resting.stop();

    const reset = await groups("reset", "validator", "--to", "published", "--yes");
    assertEquals([reset.code, reset.stderr], [0, ""], reset.stdout);
    assertMatch(reset.stdout, /orders\.raw\/0 +nothing +(\d+) +\1\n/);
    assertEquals(await committed(kafka, names), before);
    assertEquals(await tablesOf(folder), before);
    await workUntil(pipeline, 60, tables);
    const ids = await outcomesOf(kafka, names);
    assertEquals([ids.length, new Set(ids).size], [60, 60]);
    assertEquals((await readAll(kafka, names.topic("dlq.validator"))).length, 1);
  } finally {
    await database.close();
  }
});

Deno.test("groups reset --to published: for every service, the audit finds no offset wrong", async () => {
  const fixture = createFixture(
    [...SCENARIOS, ...SCENARIOS, ...SCENARIOS],
    `w${crypto.randomUUID().slice(0, 8)}.`,
  );
  for (const service of PROCESSORS) fixture.committed[service].clear();
  await publishFixture(broker.bootstrap, fixture);
  const folder = `${directory}/${fixture.names.prefix}`;
  await storeFixture(folder, fixture);
  const options = { bootstrap: broker.bootstrap, prefix: fixture.names.prefix, directory: folder };
  const mutated = await runCommand("audit/main.ts", [], options);
  assertMatch(mutated.stdout, /FAIL G2 no committed offset is before a message that was answered/);
  const kafka = createClient({ brokers: [broker.bootstrap] }, "test");
  const pipeline = { bootstrap: broker.bootstrap, kafka, names: fixture.names, folder };
  for (const service of PROCESSORS) {
    const { isDone } = await resetHere(pipeline, { service, to: "published" });
    assertEquals(isDone, true);
  }
  const { code, stdout } = await runCommand("audit/main.ts", [], options);
  assertEquals(code, 0, stdout);
});

Deno.test("groups reset --to published: not where its outputs are deleted", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names } = pipeline;
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 30));
  await workUntil(pipeline, 30);
  await deleteGroup(kafka, names, "validator");
  await deleteRecords(kafka, names.topic("orders.outcomes"));
  await assertRejects(
    () => resetHere(pipeline, { service: "validator", to: "published" }),
    Error,
    "are deleted, and no answer is left of what is in the log: --to tables",
  );
  assertEquals(await committed(kafka, names), {});
});

Deno.test("groups reset: earliest before the first start, latest, an offset; each says what it does", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, folder, groups } = pipeline;
  const topic = names.topic("orders.raw");
  await publishAll(kafka, topic, orders(0, 30));
  const ends = await endsOf(kafka, topic);

  const earliest = await groups("reset", "validator", "--to", "earliest", "--yes");
  assertMatch(earliest.stdout, /\n {2}.*orders\.raw\/2 +nothing +nothing +0\nrepeats nothing and/);
  assertEquals(await committed(kafka, names), { 0: 0, 1: 0, 2: 0 });
  assertEquals(await tablesOf(folder), { 0: 0, 1: 0, 2: 0 });

  const latest = await groups("reset", "validator", "--to", "latest", "--yes");
  assertMatch(latest.stdout, /\nskips 30 records, which will never be processed\n/);
  assertEquals(await committed(kafka, names), ends);

  const one = await groups("reset", "validator", "--to", "1", "--partition", "0", "--yes");
  assertMatch(one.stdout, /\nrepeats \d+ records, and publishes again what it has published for/);
  assertEquals(await committed(kafka, names), { ...ends, 0: 1 });
  assertEquals(await tablesOf(folder), { ...ends, 0: 1 });

  const beyond = await groups("reset", "validator", "--to", "999", "--partition", "0", "--yes");
  const none = await groups("reset", "validator", "--to", "latest", "--partition", "9", "--yes");
  assertMatch(none.stderr, /^groups: validator does not read partition 9 of any topic: it reads /);
  assertEquals([beyond.code, none.code], [1, 1]);
  assertMatch(beyond.stderr, /orders\.raw\/0: no such offset: 999, and the log is from 0 to \d+/);
  assertEquals(await committed(kafka, names), { ...ends, 0: 1 });
});

Deno.test("groups reset: tables and group each take the other's word", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, folder, groups } = pipeline;
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 30));
  await workUntil(pipeline, 30);
  const before = await committed(kafka, names);

  const unknown = await groups("reset", "validator", "--to", "tables", "--yes");
  assertEquals(unknown.code, 1);
  assertMatch(unknown.stderr, /orders\.raw\/0: the tables do not say where they are/);

  const taken = await groups("reset", "validator", "--to", "committed", "--yes");
  assertEquals(taken.code, 0, taken.stderr);
  assertEquals([await tablesOf(folder), await committed(kafka, names)], [before, before]);

  await deleteGroup(kafka, names, "validator");
  const nothing = await groups("reset", "validator", "--to", "committed", "--yes");
  assertMatch(nothing.stderr, /orders\.raw\/0: the group has committed nothing/);
  const back = await groups("reset", "validator", "--to", "tables", "--yes");
  assertEquals(back.code, 0, back.stderr);
  assertEquals(await committed(kafka, names), before);
});

Deno.test("groups reset: not one partition alone, where the offsets of the others are unknown", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  await publishAll(pipeline.kafka, pipeline.names.topic("orders.raw"), orders(0, 30));
  await assertRejects(
    () => resetHere(pipeline, { service: "validator", to: 1, partition: 1 }),
    Error,
    "orders.raw/0 is: reset all partitions first",
  );
  await resetHere(pipeline, { service: "validator", to: "earliest" });
  await resetHere(pipeline, { service: "validator", to: 1, partition: 1 });
  assertEquals(await tablesOf(pipeline.folder), { 0: 0, 1: 1, 2: 0 });
});

Deno.test("groups reset --to tables: not where they are of another topic of that name", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, folder } = pipeline;
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 30));
  const place = { directory: folder, owner: "validator", tables: [positions] };
  const database = await openDatabase(place);
  const input = inputOf(names.topic("orders.raw"), 0);
  await takePosition(database, { ...positionAt(input, 1), topicId: "another" }, undefined);
  await database.close();
  await assertRejects(
    () => resetHere(pipeline, { service: "validator", to: "tables" }),
    Error,
    "orders.raw/0: the topic was created anew after",
  );
});

Deno.test("groups reset: analytics has no tables", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, groups } = pipeline;
  await publishAll(kafka, names.topic("orders.validated"), orders(0, 6));
  const { code, stdout } = await groups("reset", "analytics", "--to", "latest", "--yes");
  assertEquals(code, 0);
  assertMatch(stdout, /\nskips 6 records, which will never/);
  const [group] = jsonOf(await groups("analytics", "--json"));
  assertEquals([group.lagMessages, group.partitions.length], [0, 12]);
});

Deno.test("groups reset: changes nothing while there are members, and names them", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, groups } = pipeline;
  const { processor, stop } = startValidator(broker.bootstrap, names, refuse);
  try {
    await until("it works", () => processor.notReady() === undefined);
    const { code, stderr } = await groups("reset", "validator", "--to", "latest", "--yes");
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^groups: nothing was changed: .* has members, test-validator at 127\.0\.0\.1:/,
    );
    assertEquals(await committed(kafka, names), {});
  } finally {
    await stop();
  }
});

Deno.test("groups reset: changes nothing without a yes", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, folder, groups } = pipeline;
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 30));
  const no = await resetHere(
    pipeline,
    { service: "validator", to: "latest" },
    () => Promise.resolve(false),
  );
  assertEquals([no.isDone, no.lines.at(-1)], [false, "nothing was changed"]);
  const unasked = await groups("reset", "validator", "--to", "latest");
  assertEquals(unasked.code, 1);
  assertMatch(unasked.stdout, /skips 30 records/);
  assertMatch(unasked.stderr, /^groups: nothing was changed: there is no terminal to ask at/);
  assertEquals([await committed(kafka, names), await tablesOf(folder)], [{}, {}]);
});

Deno.test("groups reset: changes nothing where somebody works between question and answer", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, folder } = pipeline;
  await publishAll(kafka, names.topic("orders.raw"), orders(0, 30));
  const worked = async () => {
    await workUntil(pipeline, 30);
    return true;
  };
  await assertRejects(
    () => resetHere(pipeline, { service: "validator", to: "latest" }, worked),
    Error,
    "nothing was changed: another process committed an offset of",
  );
  const before = await committed(kafka, names);
  assertEquals(await tablesOf(folder), {});

  let stop = () => Promise.resolve();
  const joined = async () => {
    const member = startValidator(broker.bootstrap, names, refuse);
    stop = member.stop;
    await until("it works", () => member.processor.notReady() === undefined);
    return true;
  };
  try {
    await assertRejects(
      () => resetHere(pipeline, { service: "validator", to: "earliest" }, joined),
      Error,
      "nothing was changed: validator has members again",
    );
  } finally {
    await stop();
  }
  assertEquals([await committed(kafka, names), await tablesOf(folder)], [before, {}]);
});

Deno.test("groups reset: what a dead member left open commits nothing afterwards", async () => {
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names } = pipeline;
  const topic = names.topic("orders.raw");
  await publishAll(kafka, topic, orders(0, 30));
  const dead = await Producer.open(kafka, {
    transactionalId: names.transactionalId("validator", "orders.raw", 0),
    transactionTimeoutMs: 60_000,
    deliveryTimeoutMs: 10_000,
  });
  try {
    await dead.sendWithOffsets(
      [],
      names.group("validator"),
      [{ topic, partition: 0, offset: 5 }],
      NO_MEMBER,
    );
    const { isDone } = await resetHere(pipeline, { service: "validator", to: "earliest" });
    assertEquals(isDone, true);
    await assertRejects(() => dead.commit());
    assertEquals(await committed(kafka, names), { 0: 0, 1: 0, 2: 0 });
  } finally {
    await dead.close();
  }
});
