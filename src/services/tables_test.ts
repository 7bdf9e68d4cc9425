/** The tables are declared twice on purpose; here they must not drift apart. */
import { assert, assertEquals } from "@std/assert";
import type { Table } from "../database/database.ts";
import { serviceDefinitions } from "./definitions.ts";
import { databasesOf } from "./service.ts";
import { simulatorTables } from "./simulator/runs.ts";
import * as read from "./tables.ts";

const own = new Map<string, readonly Table[]>([["simulator", simulatorTables]]);
for (const service of await serviceDefinitions()) {
  for (const { owner, tables } of databasesOf(service)) own.set(owner, tables);
}

for (const { owner, table } of Object.values(read).filter((it) => typeof it !== "function")) {
  Deno.test(`tables: ${owner}.${table.name} is as its owner declares it`, () => {
    const declared = own.get(owner)?.find(({ name }) => name === table.name);
    assert(declared, `${owner} declares no table ${table.name}`);
    assertEquals(table.key, declared.key);
    for (const [column, type] of Object.entries(table.columns)) {
      assertEquals(type, declared.columns[column], column);
    }
  });
}
