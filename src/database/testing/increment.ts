/**
 * A writer for the tests of concurrency: adds one to every row of a table, again and again. Run by
 * itself it is another process:
 *
 *     deno run -A increment.ts '{"place": {…}, "keys": […], "rounds": 50}'
 */
import { type Database, table } from "../database.ts";
import { openDatabase } from "../open.ts";

export const counters = table("counters", "name", { name: "text", value: "integer" });

/** Reads, adds and writes in one transaction; without the lock, updates would get lost. */
export async function increment(
  database: Database,
  keys: readonly string[],
  rounds: number,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await database.transaction(async (tx) => {
      await tx.insert(counters, keys.map((name) => ({ name, value: 0 })));
      const rows = await tx.select(counters, keys, { lock: true });
      const values = new Map(rows.map((row) => [row.name, row.value! + 1]));
      await tx.upsert(counters, keys.map((name) => ({ name, value: values.get(name)! })));
    });
  }
}

export interface Task {
  readonly place: { url?: string; directory: string; owner: string };
  readonly keys: readonly string[];
  readonly rounds: number;
}

if (import.meta.main) {
  const { place, keys, rounds }: Task = JSON.parse(Deno.args[0]!);
  const database = await openDatabase({ ...place, tables: [counters] });
  await increment(database, keys, rounds);
  await database.close();
}
