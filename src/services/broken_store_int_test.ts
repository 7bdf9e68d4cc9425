/**
 * A store that is broken under a service: whichever of its tables is gone, no order becomes a dead
 * letter for it, the words name the table, and when it is back all orders are settled.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ConstantBackoff } from "cockatiel";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Table } from "../database/database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { createPool } from "../database/postgres_pool.ts";
import { eachStore, type Place } from "../database/testing/stores.ts";
import { handleWithRetries } from "../kafka/processor/failures.ts";
import { until } from "../runtime/until.ts";
import { placed } from "../kafka/testing/topics.ts";
import { PROCESSORS, topicsReadBy } from "../topology.ts";
import { BEFORE, handlersOf, messageOf, scenarioWithEvents } from "./testing/messages.ts";

const never = new AbortController().signal;

/** Runs SQL on an owner's tables, as from outside the service. */
async function alter({ url, directory }: Place, owner: string, sql: string): Promise<void> {
  if (url === undefined) {
    const connection = new DatabaseSync(join(directory, `${owner}.db`));
    connection.exec(`alter table ${sql}`);
    connection.close();
    return;
  }
  const pool = createPool(url);
  await pool.use((connection) => connection.query(`alter table ${owner}.${sql}`));
  await pool.close();
}

for (const service of PROCESSORS) {
  for (const topic of topicsReadBy(service)) {
    eachStore(
      `${service}: ${topic}: a table that is gone is named, no order is blamed, and all are settled in the end`,
      async (place) => {
        const owned: { owner: string; name: string }[] = [];
        const handlers = await handlersOf(service, (owner, tables: readonly Table[]) => {
          for (const { name } of tables) owned.push({ owner, name });
          return place.open(owner, tables);
        });
        const scenario = await scenarioWithEvents(handlers, service, topic);
        const before = BEFORE[service]?.[topic];
        let needed = 0;
        for (const [i, { owner, name }] of owned.entries()) {
          const orders = [3 * i, 3 * i + 1, 3 * i + 2];
          if (before) {
            await handlers[before]!(orders.map((order) => messageOf(order, before, scenario)));
          }
          const handle = () =>
            handleWithRetries(
              handlers[topic]!,
              orders.map((order) => messageOf(order, topic, scenario)),
              never,
              { backoff: new ConstantBackoff(1) },
            );
          await alter(place, owner, `${name} rename to gone`);
          const broken = await handle().catch((error) => error);
          if (broken instanceof RetryableError) {
            needed++;
            assertStringIncludes(broken.message, owner);
            assertStringIncludes(broken.message, name);
            assertStringIncludes(broken.message, "it was dropped");
            await assertRejects(handle, RetryableError, name);
          } else {
            // The topic's messages need nothing of it.
            assertEquals([broken.deadLetters ?? [], broken.events.length], [[], 3]);
          }
          await alter(place, owner, `gone rename to ${name}`);
          await until(`${name} is found again`, () => handle().then(() => true, () => false));
          const { events, deadLetters = [] } = await handle();
          assertEquals(deadLetters, []);
          assertEquals(
            events.map(({ orderId }) => orderId),
            orders.map((order) => placed(order).orderId),
          );
        }
        assert(needed > 0, "no table was needed");
      },
    );
  }
}
