/**
 * The tables as the first release made them, with rows in each, under the present code. The SQL in
 * `testing/first_release` stays as it is.
 */
import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import type { Table } from "../database/database.ts";
import type { Migration } from "../database/migrations.ts";
import { openDatabase } from "../database/open.ts";
import { allPositions, positions } from "../database/positions.ts";
import { all, eachStore, type Place } from "../database/testing/stores.ts";
import { PROCESSORS, topicsReadBy } from "../topology.ts";
import { serviceDefinitions } from "./definitions.ts";
import { inventoryTables, reservations } from "./inventory/store.ts";
import { databasesOf } from "./service.ts";
import { simulatorTables } from "./simulator/runs.ts";
import { encode } from "../events/codec.ts";
import { freshTopics, publishAll, readAll } from "../kafka/testing/topics.ts";
import { PROJECT, startTask } from "../local/task.ts";
import { startTestBroker, type TestBroker } from "../local/testing/test_broker.ts";
import { until } from "../runtime/until.ts";
import { BEFORE, handlersOf, messageOf } from "./testing/messages.ts";

/** When the orders r1-000000 and r1-000001 were worked on. */
const WORKED_AT = "2025-12-31T23:59:59.000Z";

/** The statements of a file, by owner. */
async function sqlOf(name: string): Promise<[owner: string, statements: string[]][]> {
  const file = new URL(`testing/first_release/${name}.sql`, import.meta.url);
  return (await Deno.readTextFile(file)).split(/^-- /m).slice(1).map((section) => {
    const [owner, ...lines] = section.trimEnd().split("\n");
    return [owner!, lines.map((line) => line.replace(/;$/, ""))];
  });
}

async function firstRelease({ backend, sql }: Place): Promise<void> {
  for (const [owner, statements] of [...await sqlOf(backend), ...await sqlOf("rows")]) {
    for (const statement of statements) await sql(owner, statement);
  }
}

/** All tables of the present code that the first release had, as their owners open them. */
async function owned(): Promise<Parameters<typeof openDatabase>[0][]> {
  const first = (await sqlOf("rows")).map(([owner]) => owner);
  const services = (await serviceDefinitions()).flatMap(databasesOf).map((database) => ({
    ...database,
    tables: PROCESSORS.includes(database.owner as never)
      ? [...database.tables, positions]
      : database.tables,
  }));
  return [{ owner: "simulator", tables: simulatorTables }, ...services]
    .filter(({ owner }) => first.includes(owner))
    .map((database) => ({ ...database, directory: "" }));
}

const rowsOf = ({ sql }: Place, owner: string, { name, key }: Table) =>
  sql(owner, `select * from ${name} order by ${key}`);

eachStore("upgrade: the first release's tables keep all of their rows", async (place) => {
  await firstRelease(place);
  for (const { owner, tables, migrations } of await owned()) {
    const before = await Promise.all(tables.map((table) => rowsOf(place, owner, table)));
    const database = await place.open(owner, tables, { migrations });
    for (const [i, table] of tables.entries()) {
      assert(before[i]!.length > 0, `the first release left no row in ${owner}.${table.name}`);
      const after: Record<string, unknown>[] = await all(database, table);
      const same = after.map((row, r) =>
        Object.fromEntries(Object.keys(before[i]![r] ?? row).map((name) => [name, row[name]]))
      );
      assertEquals(same, before[i], `${owner}.${table.name}`);
    }
  }
});

for (const service of PROCESSORS) {
  eachStore(`upgrade: ${service} works on the first release's tables`, async (place) => {
    await firstRelease(place);
    const defined = (await serviceDefinitions()).find(({ name }) => name === service)!;
    const historyOf = new Map(databasesOf(defined).map((each) => [each.owner, each.migrations]));
    const handlers = await handlersOf(
      service,
      (owner, tables) => place.open(owner, tables, { migrations: historyOf.get(owner) }),
    );
    for (const [i, topic] of topicsReadBy(service).entries()) {
      const again = await handlers[topic]!([0, 1].map((sequence) => messageOf(sequence, topic)));
      assertEquals(again.deadLetters ?? [], []);
      // The validator makes its event of the message; all others repeat what they have stored.
      if (service !== "validator") {
        assertEquals(again.events.filter(({ occurredAt }) => occurredAt !== WORKED_AT), []);
      }
      const before = BEFORE[service]?.[topic];
      if (before) await handlers[before]!([messageOf(10 + i, before)]);
      assertEquals((await handlers[topic]!([messageOf(10 + i, topic)])).events.length, 1, topic);
    }
    const database = await place.open(service, [positions]);
    assertEquals(
      (await allPositions(database)).map((
        { input, workFrom, workTo },
      ) => [input, workFrom, workTo]),
      [[`${topicsReadBy(service)[0]}/0`, 0, 2]],
    );
  });
}

eachStore(
  "upgrade: a column is added to the first release's reservations, and filled",
  async (place) => {
    await firstRelease(place);
    const before = await rowsOf(place, "inventory", reservations);
    const added: Migration[] = [{ number: 1, name: "first tables", tables: inventoryTables }, {
      number: 2,
      name: "reservations know their warehouse",
      sql: [
        "alter table reservations add column warehouse text",
        "update reservations set warehouse = 'north' where state = 'released'",
      ],
    }];
    await place.open("inventory", inventoryTables, { migrations: added });
    assertEquals(
      await rowsOf(place, "inventory", reservations),
      before.map((row) => ({ ...row, warehouse: "north" })),
    );
  },
);

let broker: TestBroker;
Deno.test.beforeAll(async () => {
  broker = await startTestBroker();
});
Deno.test.afterAll(() => broker.remove());

eachStore(
  "upgrade: the inventory's process starts on the first release's tables, and goes on",
  async (place) => {
    await firstRelease(place);
    const { kafka, names } = await freshTopics(broker.bootstrap, 1);
    const [input, output] = [names.topic("orders.validated"), names.topic("inventory.events")];
    // Two orders were worked on, and nothing was committed yet.
    await place.sql(
      "inventory",
      `update positions set input = '${input}/0', cluster_id = null, topic_id = null, work_from = -1`,
    );
    const orders = [0, 1, 2].map((sequence) => messageOf(sequence, "orders.validated").event);
    await publishAll(
      kafka,
      input,
      orders.map((event) => ({ key: event.orderId, value: encode(event) })),
    );
    // In the project: the task may write nowhere else.
    const data = new URL(".data/", PROJECT).pathname;
    await Deno.mkdir(data, { recursive: true });
    const directory = await Deno.makeTempDir({ dir: data, prefix: "upgrade-" });
    if (place.backend === "sqlite") {
      await Deno.copyFile(join(place.directory, "inventory.db"), join(directory, "inventory.db"));
    }
    const logFile = join(directory, "inventory.log");
    const env = {
      KAFKA_BROKERS: broker.bootstrap,
      TOPIC_PREFIX: names.prefix,
      DATA_DIR: directory,
      DATABASE_URL: place.url ?? "",
      HTTP_PORT: "0",
    };
    const process = startTask({ task: "inventory", name: "inventory", env, logFile });
    try {
      const written = async () =>
        (await readAll(kafka, output)).map(({ value }) =>
          JSON.parse(new TextDecoder().decode(value!))
        );
      await until("all orders are answered", async () => (await written()).length === 3);
      assertEquals(
        (await written()).map(({ orderId, occurredAt }) => [orderId, occurredAt === WORKED_AT]),
        [["r1-000000", true], ["r1-000001", true], ["r1-000002", false]],
      );
    } finally {
      await process.stop(20_000);
      await Deno.remove(directory, { recursive: true });
    }
  },
);
