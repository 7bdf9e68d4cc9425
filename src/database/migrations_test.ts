import { DatabaseSync } from "node:sqlite";
import { assertEquals } from "@std/assert";
import { migrate, type MigrationBackend } from "./migrations.ts";
import { firstScores, migrations, scores } from "./testing/upgrade.ts";

const COLUMNS = "select t.name as table_name, c.name as column_name " +
  "from sqlite_schema as t, pragma_table_info(t.name) as c where t.type = 'table'";

function inMemory(): MigrationBackend {
  const database = new DatabaseSync(":memory:");
  const query = (sql: string) => Promise.resolve(database.prepare(sql).all());
  const execute = (sql: string) => Promise.resolve(database.exec(sql));
  return {
    kind: "sqlite",
    label: "a database in memory",
    createTable: ({ name, columns }) => `create table ${name} (${Object.keys(columns)})`,
    query,
    columnsSql: COLUMNS,
    migrationsTable: "migrations",
    afterMigrationsTable: [],
    locked: (work) => work({ query, execute }),
  };
}

Deno.test("migrate: another process applies the rest between any two of its questions", async () => {
  const owner = "fraud";
  for (let moment = 0; moment < 6; moment++) {
    const backend = inMemory();
    await migrate(backend, { owner, tables: [firstScores], migrations: migrations.slice(0, 1) });
    const newest = { owner, tables: [scores], migrations };
    let questions = 0;
    const query: MigrationBackend["query"] = async (sql) => {
      const rows = await backend.query(sql);
      if (questions++ === moment) await migrate(backend, newest);
      return rows;
    };
    await migrate({ ...backend, query }, newest);
    const applied = await backend.query("select number from migrations order by number");
    assertEquals(applied.map(({ number }) => number), [1, 2, 3], `after question ${moment}`);
  }
});
