/** What a service's process says and does while it cannot open its tables, and then. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { freshTopics } from "../kafka/testing/topics.ts";
import { freePort } from "../local/kafka/ports.ts";
import { PROJECT, startTask, type TaskProcess } from "../local/task.ts";
import { sharedByTests, startTestBroker } from "../local/testing/test_broker.ts";
import { openDatabase } from "../database/open.ts";
import { createPool } from "../database/postgres_pool.ts";
import { eachStore, type Place } from "../database/testing/stores.ts";
import { until } from "../runtime/until.ts";
import { inventoryDatabase } from "./inventory/store.ts";

/** A service that needs nothing but its tables and topics to be ready. */
const SERVICE = "fulfillment";

interface Started {
  readonly process: TaskProcess;
  said(): string;
}

/** A service with these settings, in a folder of its own. */
async function withService(
  service: "inventory" | typeof SERVICE,
  prepare: (directory: string) => Promise<Record<string, string>>,
  body: (started: Started) => Promise<void>,
): Promise<void> {
  // In the project: the task may write nowhere else.
  const data = new URL(".data/", PROJECT).pathname;
  await Deno.mkdir(data, { recursive: true });
  const directory = await Deno.makeTempDir({ dir: data, prefix: "start-" });
  const logFile = join(directory, `${service}.log`);
  const env = {
    ...{ KAFKA_BROKERS: "127.0.0.1:1", DATA_DIR: directory, DATABASE_URL: "", HTTP_PORT: "0" },
    ...await prepare(directory),
  };
  const process = startTask({ task: service, name: service, env, logFile });
  try {
    await body({ process, said: () => Deno.readTextFileSync(logFile) });
  } finally {
    await process.stop(20_000);
    await Deno.remove(directory, { recursive: true });
  }
}

const withInventory = withService.bind(undefined, "inventory");

const addressIn = (said: string) => /health and metrics at (\S+)/.exec(said)?.[1];

async function answerOf(url: string): Promise<[status: number, body: string]> {
  const response = await fetch(url);
  return [response.status, await response.text()];
}

/** Holds the lock under which the tables of the service are brought to their version, until it is closed. */
async function holdMigrations({ url, directory }: Pick<Place, "url" | "directory">) {
  if (!url) {
    const connection = new DatabaseSync(join(directory, `${SERVICE}.db`));
    connection.exec("pragma journal_mode = wal");
    connection.exec("begin immediate");
    return { close: () => Promise.resolve(connection.close()) };
  }
  const pool = createPool(url);
  const [held, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = pool.use(async (connection) => {
    await connection.query("begin");
    await connection.query(
      `select pg_advisory_xact_lock(hashtext('orderflow: tables of ' || '${SERVICE}'))`,
    );
    held.resolve();
    await release.promise;
    await connection.query("rollback");
  });
  await Promise.race([held.promise, holding]);
  return {
    async close() {
      release.resolve();
      await holding;
      await pool.close();
    },
  };
}

/** What /readyz says of a service that waits for its database: it is alive, and not ready. */
async function whyItWaits(said: () => string): Promise<string> {
  await until("it waits", () => said().includes("waiting for the database"));
  const address = addressIn(said());
  assertEquals(await answerOf(`${address}/livez`), [200, "alive\n"]);
  const [status, why] = await answerOf(`${address}/readyz`);
  assertEquals(status, 503);
  return why;
}

const broker = sharedByTests(startTestBroker);

eachStore(
  "a start while another member migrates is alive, says what it waits for, then is ready",
  async ({ url = "" }) => {
    const { names } = await freshTopics(broker.bootstrap);
    let lock: Awaited<ReturnType<typeof holdMigrations>>;
    await withService(SERVICE, async (directory) => {
      lock = await holdMigrations({ url, directory });
      return {
        KAFKA_BROKERS: broker.bootstrap,
        TOPIC_PREFIX: names.prefix,
        DATABASE_URL: url,
      };
    }, async ({ said }) => {
      try {
        assertMatch(
          await whyItWaits(said),
          /^not ready: waiting for the database: (SQLite|PostgreSQL) at \S+: .* holds (it|a lock)/,
        );
      } finally {
        await lock.close();
      }
      const isReady = async () => (await answerOf(`${addressIn(said())}/readyz`))[0] === 200;
      await until("it is ready", isReady, 30_000);
    });
  },
);

Deno.test("a start that waits for the database is alive, and says on /readyz what it waits for", () =>
  withInventory(
    async () => ({ DATABASE_URL: `postgres://inventory@127.0.0.1:${await freePort()}/none` }),
    async ({ said }) => {
      assertStringIncludes(
        await whyItWaits(said),
        "not ready: waiting for the database: PostgreSQL at 127.0.0.1:",
      );
    },
  ));

Deno.test("a start on tables that are newer than the code ends with one line", () =>
  withInventory(async (directory) => {
    await (await openDatabase({ directory, ...inventoryDatabase })).close();
    const connection = new DatabaseSync(join(directory, "inventory.db"));
    connection.exec(
      "insert into migrations (owner, number, name, applied_at) values ('inventory', 99, 'later', '')",
    );
    connection.close();
    return {};
  }, async ({ process, said }) => {
    assertEquals((await process.status).code, 1);
    await until("it says so", () => said().includes("the tables of inventory are at version 99"));
    const lines = said().trimEnd().split("\n");
    assert(lines.length <= 2, said());
    assertStringIncludes(lines.at(-1)!, "start a release that knows version 99");
  }));
