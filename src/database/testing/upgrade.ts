/**
 * A table as it was first, as it became, and the migrations between, for tests. Run by itself it is a
 * member that starts: it says `ready`, waits for a line, opens the table, and logs on stdout.
 *
 *     deno run -A upgrade.ts '{"place": {…}}'
 */
import { type Row, table } from "../database.ts";
import type { Migration } from "../migrations.ts";
import { openDatabase, whenAvailable } from "../open.ts";

/** Version 1. */
export const firstScores = table("scores", "order_id", { order_id: "text", score: "integer" });

/** Version 3. */
export const scores = table("scores", "order_id", {
  order_id: "text",
  score: "integer",
  reviewer: "text",
});

const first: Migration = { number: 1, name: "first tables", tables: [firstScores] };
export const migrations: readonly [Migration, Migration, Migration] = [
  first,
  {
    number: 2,
    name: "scores get a reviewer",
    sql: [
      "alter table scores add column reviewer text",
      "update scores set reviewer = 'nobody' where score < 50",
    ],
  },
  {
    number: 3,
    name: "scores count to 1000",
    // Applied twice, it would show.
    sql: {
      sqlite: ["update scores set score = score * 10"],
      postgres: [
        "update scores set score = score * 10",
      ],
    },
  },
];

/** One whose second statement never ends. */
export const endless: readonly Migration[] = [first, {
  number: 2,
  name: "no end",
  sql: {
    sqlite: [
      "alter table scores add column reviewer text",
      "with recursive n as (select 1 as i union all select i + 1 from n) " +
      "insert into scores (order_id) select 'never' from n where i < 0",
    ],
    postgres: ["alter table scores add column reviewer text", "select pg_sleep(3000)"],
  },
}];

export const rowsBefore: Row<typeof firstScores>[] = [
  { order_id: "o-1", score: 20 },
  { order_id: "o-2", score: 70 },
];
export const rowsAfter: Row<typeof scores>[] = [
  { order_id: "o-1", score: 200, reviewer: "nobody" },
  { order_id: "o-2", score: 700, reviewer: null },
];

export interface Task {
  readonly place: { url?: string; directory: string };
  readonly ends: boolean;
}

if (import.meta.main) {
  const { place, ends }: Task = JSON.parse(Deno.args[0]!);
  console.log("ready");
  await Deno.stdin.read(new Uint8Array(1));
  const say = (line: string) => console.log(line);
  const options = { tables: [scores], migrations: ends ? migrations : endless };
  const database = await whenAvailable(
    () => openDatabase({ ...place, owner: "fraud", ...options, note: say }),
    new AbortController().signal,
    say,
  );
  await database!.close();
}
