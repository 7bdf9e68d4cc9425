/** What a service's process says and does while it cannot open its tables. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { freePort } from "../local/kafka/ports.ts";
import { PROJECT, startTask, type TaskProcess } from "../local/task.ts";
import { openDatabase } from "../database/open.ts";
import { until } from "../runtime/until.ts";
import { inventoryDatabase } from "./inventory/store.ts";

interface Started {
  readonly process: TaskProcess;
  said(): string;
}

/** An inventory with these settings, in a folder of its own. */
async function withInventory(
  prepare: (directory: string) => Promise<Record<string, string>>,
  body: (started: Started) => Promise<void>,
): Promise<void> {
  // In the project: the task may write nowhere else.
  const data = new URL(".data/", PROJECT).pathname;
  await Deno.mkdir(data, { recursive: true });
  const directory = await Deno.makeTempDir({ dir: data, prefix: "start-" });
  const logFile = join(directory, "inventory.log");
  const env = {
    ...{ KAFKA_BROKERS: "127.0.0.1:1", DATA_DIR: directory, DATABASE_URL: "", HTTP_PORT: "0" },
    ...await prepare(directory),
  };
  const process = startTask({ task: "inventory", name: "inventory", env, logFile });
  try {
    await body({ process, said: () => Deno.readTextFileSync(logFile) });
  } finally {
    await process.stop(20_000);
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a start that waits for the database is alive, and says on /readyz what it waits for", () =>
  withInventory(
    async () => ({ DATABASE_URL: `postgres://inventory@127.0.0.1:${await freePort()}/none` }),
    async ({ said }) => {
      await until("it waits", () => said().includes("waiting for the database"));
      const url = /health and metrics at (\S+)/.exec(said())![1];
      const alive = await fetch(`${url}/livez`);
      assertEquals([alive.status, await alive.text()], [200, "alive\n"]);
      const ready = await fetch(`${url}/readyz`);
      assertEquals(ready.status, 503);
      assertStringIncludes(
        await ready.text(),
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
