/** For tests: a table, and what must become of it when its database is broken and then repaired. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { until } from "../../runtime/until.ts";
import { type Database, table } from "../database.ts";
import { RetryableError } from "../../runtime/errors.ts";

export const notes = table("notes", "id", { id: "text", body: "text", size: "integer" });

export function write(database: Database, id: string, body = "body", size = 1): Promise<void> {
  return database.transaction((tx) => tx.upsert(notes, [{ id, body, size }]));
}

/** It is broken, it says so as often as it is asked, it is repaired, it works: the same `Database`. */
export async function assertStoresFault(
  database: Database,
  { says, damage, repair }: {
    says: string;
    damage: () => Promise<unknown> | unknown;
    repair: () => Promise<unknown> | unknown;
  },
): Promise<void> {
  await write(database, "before");
  await damage();
  const said = async () =>
    (await assertRejects(() => write(database, "broken"), RetryableError)).message;
  try {
    // The first to know may only see that its connection is gone.
    await until(says, async () => (await said()).includes(says));
    for (let i = 0; i < 5; i++) assertStringIncludes(await said(), says);
  } finally {
    await repair();
  }
  // Each of the pool's connections may have to find out.
  await until("it works again", () => write(database, "after").then(() => true, () => false));
  assertEquals(await database.count(notes), 2);
}
