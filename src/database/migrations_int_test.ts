/** How tables change, on both databases. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Failure, RetryableError } from "../runtime/errors.ts";
import { until } from "../runtime/until.ts";
import { type Row, table } from "./database.ts";
import type { Migration } from "./migrations.ts";
import { positions } from "./positions.ts";
import { all, eachStore, type Place } from "./testing/stores.ts";
import {
  firstScores,
  migrations,
  rowsAfter,
  rowsBefore,
  scores,
  type Task,
} from "./testing/upgrade.ts";

const [first, second] = migrations;

/** The version 1 of the tables, with rows. */
async function atVersion1({ open }: Place): Promise<void> {
  const database = await open("fraud", [firstScores]);
  await database.transaction((tx) => tx.insert(firstScores, rowsBefore));
}

/** The tables as releases without migrations made them, with rows. */
async function beforeMigrations({ backend, sql }: Place): Promise<void> {
  await sql(
    "fraud",
    backend === "sqlite"
      ? 'create table if not exists "scores" ("order_id" text not null primary key, ' +
        '"score" integer) strict, without rowid'
      : 'create table if not exists "fraud"."scores" ' +
        '("order_id" text collate "C" primary key, "score" bigint)',
  );
  await sql("fraud", "insert into scores (order_id, score) values ('o-1', 20), ('o-2', 70)");
}

const applied = ({ sql }: Place, owner = "fraud") =>
  sql(owner, "select owner, number, name from migrations order by owner, number");

async function columnsOf({ backend, sql }: Place): Promise<string[]> {
  const rows = await sql(
    "fraud",
    backend === "sqlite"
      ? "select name from pragma_table_info('scores') order by cid"
      : "select column_name as name from information_schema.columns " +
        "where table_name = 'scores' order by ordinal_position",
  );
  return rows.map(({ name }) => name as string);
}

const versions = (count: number) =>
  migrations.slice(0, count).map(({ number, name }) => ({ owner: "fraud", number, name }));

const failing = (...sql: string[]): Migration[] => [
  first,
  { number: 2, name: "half of it", sql: ["alter table scores add column reviewer text", ...sql] },
];

eachStore("migrations: a fresh database goes through all of them, once", async (place) => {
  const database = await place.open("fraud", [scores], { migrations });
  assertEquals(await all(database, scores), []);
  assertEquals(await columnsOf(place), Object.keys(scores.columns));
  assertEquals(await applied(place), versions(3));
  const [{ checksum, applied_at }] = await place.sql(
    "fraud",
    "select checksum, applied_at from migrations where number = 2",
  ) as [Record<string, string>];
  assertMatch(checksum!, /^[0-9a-f]{64}$/);
  assert(Math.abs(Date.parse(applied_at!) - Date.now()) < 60_000, applied_at);
  await place.open("fraud", [scores], { migrations });
  assertEquals(await applied(place), versions(3));
});

for (
  const [what, make, recorded] of [
    ["of version 1", atVersion1, versions(1)],
    ["of a release without migrations", beforeMigrations, undefined],
  ] as const
) {
  eachStore(
    `migrations: a database ${what} is worked on, and upgraded with its data`,
    async (place) => {
      await make(place);
      const same = await place.open("fraud", [firstScores]);
      assertEquals(await all(same, firstScores), rowsBefore);
      if (recorded) assertEquals(await applied(place), recorded);
      // Nothing to do: nothing is written, as it may take rights that nobody has.
      else await assertRejects(() => applied(place), Error, "migrations");
      const lines: string[] = [];
      const note = (line: string) => void lines.push(line);
      const upgraded = await place.open("fraud", [scores], { migrations, note });
      assertEquals(await all(upgraded, scores), rowsAfter);
      assertEquals(await applied(place), versions(3));
      assertEquals(lines.map((line) => line.replace(/\d+(\.\d)? m?s$/, "TIME")), [
        "migration 2 (scores get a reviewer) of fraud begins",
        "migration 2 (scores get a reviewer) of fraud is done after TIME",
        "migration 3 (scores count to 1000) of fraud begins",
        "migration 3 (scores count to 1000) of fraud is done after TIME",
      ]);
    },
  );
}

eachStore(
  "migrations: a member of the version before goes on beside the new one",
  async (place) => {
    await atVersion1(place);
    const old = await place.open("fraud", [firstScores]);
    assertEquals(await old.transaction((tx) => tx.select(firstScores, ["o-2"])), [rowsBefore[1]!]);
    const upgraded = await place.open("fraud", [scores], { migrations: [first, second] });
    const write = () =>
      old.transaction(async (tx) => {
        await tx.insert(firstScores, [{ order_id: "o-3", score: 1 }]);
        await tx.upsert(firstScores, [{ order_id: "o-1", score: 2 }]);
        return await tx.select(firstScores, ["o-3"]);
      });
    // PostgreSQL may say once for each connection that the columns are others now.
    await until("the old member writes", () => write().then(() => true, () => false));
    assertEquals(await all(upgraded, scores), [
      { order_id: "o-1", score: 2, reviewer: "nobody" },
      { order_id: "o-2", score: 70, reviewer: null },
      { order_id: "o-3", score: 1, reviewer: null },
    ]);
  },
);

eachStore(
  "migrations: a database that is newer than the code is refused, and stays as it is",
  async (place) => {
    await place.open("fraud", [scores], { migrations });
    for (const known of [[first], [first, second]]) {
      const open = () => place.open("fraud", [scores], { migrations: known });
      const { message } = await assertRejects(open, Failure);
      assertStringIncludes(
        message,
        `: the tables of fraud are at version 3 (scores count to 1000), and this release knows them up ` +
          `to version ${known.length}: start a release that knows version 3, or restore a backup of ` +
          `version ${known.length}`,
      );
      assertEquals(message.includes("\n"), false);
    }
    assertEquals(await applied(place), versions(3));
  },
);

eachStore("migrations: several members that start at once apply each once", async (place) => {
  await atVersion1(place);
  const opened = await Promise.all(
    [1, 2, 3].map(() => place.open("fraud", [scores], { migrations })),
  );
  for (const database of opened) assertEquals(await all(database, scores), rowsAfter);
  assertEquals(await applied(place), versions(3));
});

/** A process that opens the tables as soon as it gets a line. */
async function startMember({ url, directory }: Place, ends: boolean) {
  const task: Task = { place: { url, directory }, ends };
  const script = new URL("testing/upgrade.ts", import.meta.url).href;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, JSON.stringify(task)],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let said = "";
  const reading = process.stdout.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (text) => void (said += text) }),
  );
  const saying = (what: string) => until(`it says "${what}"`, () => said.includes(what));
  await saying("ready\n");
  return {
    saying,
    async go() {
      const writer = process.stdin.getWriter();
      await writer.write(new TextEncoder().encode("\n"));
      await writer.close();
    },
    async end(signal?: Deno.Signal): Promise<{ code: number; said: string }> {
      if (signal) process.kill(signal);
      const { code } = await process.status;
      await reading;
      return { code, said };
    },
  };
}

eachStore("migrations: several processes that start at once apply each once", async (place) => {
  await atVersion1(place);
  const members = await Promise.all([1, 2, 3].map(() => startMember(place, true)));
  await Promise.all(members.map((member) => member.go()));
  const ends = await Promise.all(members.map((member) => member.end()));
  assertEquals(ends.map(({ code }) => code), [0, 0, 0], JSON.stringify(ends));
  const done = ends.flatMap(({ said }) => said.match(/migration \d .* is done/g) ?? []);
  assertEquals(done.length, 2, JSON.stringify(ends));
  assertEquals(await applied(place), versions(3));
  assertEquals(await all(await place.open("fraud", [scores], { migrations }), scores), rowsAfter);
});

eachStore("migrations: a member that is killed half way leaves nothing behind", async (place) => {
  await atVersion1(place);
  const member = await startMember(place, false);
  await member.go();
  await member.saying("begins\n");
  await member.end("SIGKILL");
  let upgraded: Awaited<ReturnType<Place["open"]>> | undefined;
  await until("the next one gets the lock", async () => {
    upgraded = await place.open("fraud", [scores], { migrations }).catch((error) => {
      if (!(error instanceof RetryableError)) throw error;
      return undefined;
    });
    return upgraded !== undefined;
  });
  assertEquals(await all(upgraded!, scores), rowsAfter);
});

for (
  const [what, broken, cause] of [
    [
      "a statement that is wrong",
      "update scores set reviever = ''",
      /no such column|does not exist/,
    ],
    ["a table that is not there", "delete from reviews", /no such table|does not exist/],
    [
      "a row that does not fit",
      "insert into scores (order_id) values ('o-1')",
      /UNIQUE|duplicate key/,
    ],
  ] as const
) {
  eachStore(`migrations: ${what} leaves nothing behind, and is named`, async (place) => {
    await atVersion1(place);
    const open = () => place.open("fraud", [scores], { migrations: failing(broken) });
    const { message } = await assertRejects(open, Failure);
    assertMatch(
      message,
      /^migration 2 \(half of it\) of fraud failed, and nothing of it is kept: (SQLite|PostgreSQL) at /,
    );
    assertMatch(message, cause);
    assertEquals(await columnsOf(place), Object.keys(firstScores.columns));
    assertEquals(await applied(place), versions(1));
    const corrected = await place.open("fraud", [scores], { migrations: failing() });
    assertEquals((await all(corrected, scores)).length, 2);
  });
}

eachStore("migrations: a lock that somebody holds is waited for, and named", async (place) => {
  await atVersion1(place);
  const holder = await place.open("fraud", [firstScores]);
  await holder.transaction(async (tx) => {
    await tx.select(firstScores, ["o-1"], { lock: true });
    const { message } = await assertRejects(
      () => place.open("fraud", [scores], { migrations }),
      RetryableError,
    );
    assertMatch(message, /^migration 2 \(scores get a reviewer\) of fraud: .*lock/);
  });
  assertEquals(await all(await place.open("fraud", [scores], { migrations }), scores), rowsAfter);
});

eachStore("migrations: one that was changed after it was applied is refused", async (place) => {
  await place.open("fraud", [scores], { migrations });
  const changed = { ...second, sql: ["select 1", ...second.sql as string[]] };
  const error = await assertRejects(
    () => place.open("fraud", [scores], { migrations: [first, changed, migrations[2]] }),
    Failure,
  );
  assertStringIncludes(
    error.message,
    "migration 2 (scores get a reviewer) of fraud was changed after it was applied: undo the change, " +
      "and write a migration 4 instead",
  );
  const spaced = {
    ...second,
    sql: (second.sql as string[]).map((s) => ` ${s.replace(" ", "\n ")}`),
  };
  await place.open("fraud", [scores], { migrations: [first, spaced, migrations[2]] });
});

eachStore("migrations: a table that changed without one is refused, and named", async (place) => {
  await atVersion1(place);
  const { message } = await assertRejects(() => place.open("fraud", [scores]), Failure);
  assertStringIncludes(
    message,
    "table fraud.scores has no column reviewer, and no migration adds it",
  );
});

eachStore(
  "migrations: they create tables as they were then; others come without one",
  async (place) => {
    await atVersion1(place);
    const firstReviews = table("reviews", "order_id", { order_id: "text", text: "text" });
    const reviews = table("reviews", "order_id", { order_id: "text", body: "text" });
    const notes = table("notes", "id", { id: "text", body: "text" });
    const later: Migration[] = [
      first,
      { number: 2, name: "reviews", tables: [firstReviews] },
      { number: 3, name: "a better name", sql: ["alter table reviews rename column text to body"] },
    ];
    const database = await place.open("fraud", [firstScores, reviews, notes], {
      migrations: later,
    });
    const row: Row<typeof reviews> = { order_id: "o-1", body: "fine" };
    await database.transaction((tx) => tx.insert(reviews, [row]));
    assertEquals(await all(database, reviews), [row]);
    assertEquals(await database.count(notes), 0);
    assertEquals((await applied(place)).map(({ number }) => number), [1, 2, 3]);
  },
);

eachStore("migrations: the positions have versions of their own", async (place) => {
  await place.open("fraud", [positions]);
  await place.open("fraud", [scores], { migrations });
  await place.open("fraud", [scores, positions], { migrations });
  assertEquals(await applied(place), [
    ...versions(3),
    { owner: "positions", number: 1, name: "first tables" },
  ]);
});

eachStore(
  "migrations: what cannot be applied in order and in a transaction is a bug",
  async ({ open, backend }) => {
    const wrong: [Migration[], string][] = [
      [[second], "expected number 1, found 2"],
      [[first, migrations[2]], "expected number 2, found 3"],
      [[{ ...first, sql: ["select 1"] }], "number 1 has SQL"],
      [[first, { ...second, sql: [" Commit"] }], "number 2 begins or ends a transaction"],
    ];
    for (const [migrations, says] of wrong) {
      await assertRejects(() => open("fraud", [scores], { migrations }), TypeError, says);
    }
    if (backend === "postgres") return;
    // PostgreSQL does both; SQLite would do the first, and say nothing.
    const two = failing("delete from scores; delete from scores");
    const opened = () => open("fraud", [scores], { migrations: two });
    await assertRejects(opened, Failure, "one statement each");
  },
);
