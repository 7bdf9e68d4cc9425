/** Migrations, where only PostgreSQL has something to say: rights, and limits of time. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Failure, RetryableError } from "../runtime/errors.ts";
import { POSTGRES } from "../testing/postgres_binaries.ts";
import { lacks } from "../testing/skips.ts";
import type { Migration } from "./migrations.ts";
import { openDatabase } from "./open.ts";
import { createPool } from "./postgres_pool.ts";
import { all, withServer } from "./testing/stores.ts";
import { firstScores, migrations, rowsAfter, rowsBefore, scores } from "./testing/upgrade.ts";

const [first] = migrations;

Deno.test({
  name: "migrations: with which rights and limits they are applied (postgres)",
  ignore: lacks(POSTGRES),
  fn: () =>
    withServer(async (server) => {
      const admin = createPool(server.url);
      const run = async (...statements: string[]) => {
        for (const sql of statements) await admin.use((connection) => connection.query(sql));
      };
      const openAs = async (role: string, migrations: readonly Migration[]) => {
        const url = server.url.replace("postgres@", `${role}@`);
        const tables = [migrations.length > 1 ? scores : firstScores];
        return await openDatabase({ url, directory: "", owner: "fraud", tables, migrations });
      };
      try {
        await run(
          ...["create role owner login", "create role app login"],
          ...["create schema fraud authorization owner", "grant usage on schema fraud to app"],
        );
        // Whoever owns the schema need not be allowed to create others.
        await (await openAs("owner", [first])).close();
        await run("grant select, insert, update on fraud.scores to app");
        const before = await openAs("app", [first]);
        await before.transaction((tx) => tx.insert(firstScores, rowsBefore));
        await before.close();
        const { message } = await assertRejects(() => openAs("app", migrations), RetryableError);
        assertStringIncludes(message, "migration 2 (scores get a reviewer) of fraud: ");
        assertStringIncludes(message, "must be owner of table scores; grant the right to the user");
        await (await openAs("owner", migrations)).close();
        const after = await openAs("app", migrations);
        assertEquals(await all(after, scores), rowsAfter);
        await after.close();
        await assertRejects(() => openAs("app", [first]), Failure, "are at version 3");
        // A statement may take an hour, but waits for no lock so long.
        const limits =
          "current_setting('statement_timeout') || ' ' || current_setting('lock_timeout')";
        const sql = [`insert into scores (order_id, reviewer) select 'o-3', ${limits}`];
        const last = await openAs("owner", [...migrations, { number: 4, name: "limits", sql }]);
        assertEquals((await all(last, scores))[2]!.reviewer, "1h 3s");
        await last.close();
      } finally {
        await admin.close();
      }
    }),
});
