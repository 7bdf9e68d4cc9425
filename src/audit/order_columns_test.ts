import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { KINDS } from "./duties.ts";
import { firstOf } from "./order_columns.ts";

Deno.test("firstOf: the least offset that there is, of however many kinds", () => {
  const database = new DatabaseSync(":memory:");
  const offsets = [null, 0, 1, 2 ** 53 - 1];
  for (const count of [1, 2, 3]) {
    const kinds = KINDS.slice(0, count);
    const rows = kinds.reduce<(number | null)[][]>(
      (rows, _) => rows.flatMap((row) => offsets.map((offset) => [...row, offset])),
      [[]],
    );
    for (const row of rows) {
      const columns = kinds.map((kind, i) => `${row[i]} as ${kind}`);
      const [found] = database.prepare(`select ${firstOf(kinds)} as first from (select ${columns})`)
        .all();
      const there = row.filter((offset) => offset !== null);
      assertEquals(found?.first, there.length === 0 ? null : Math.min(...there), String(row));
    }
  }
  database.close();
});
