import { assertEquals, assertRejects } from "@std/assert";
import { Failure } from "../../runtime/errors.ts";
import type { Database } from "../../database/database.ts";
import { eachStore, type Place } from "../../database/testing/stores.ts";
import { beginRun, placements, runs, simulatorTables } from "./runs.ts";

const startedMs = Date.parse("2026-01-02T03:04:05.678Z");
const orders = { seed: 7, refusedShare: 0.04, brokenShare: 0.002, zipfExponent: 1 };
const run = { runId: "r1", orders };

/** What the ledger says of the run r1. */
async function ledger(database: Database) {
  const [[row], [placement]] = await database.transaction(async (tx) =>
    [await tx.select(runs, ["r1"]), await tx.select(placements, ["r1"])] as const
  );
  return {
    acknowledged: row?.acknowledged,
    placed: placement?.placed,
    sinceMs: placement?.unknown_since_ms,
    finishedAt: row?.finished_at,
  };
}

const open = (place: Place) => place.open("simulator", simulatorTables);

eachStore("beginRun: records what is placed and acknowledged, and the end", async (place) => {
  const database = await open(place);
  const record = await beginRun(database, run, startedMs);
  assertEquals(record.before, { acknowledged: 0, placed: 0 });
  const start = { acknowledged: 0, placed: 0, sinceMs: startedMs, finishedAt: null };
  assertEquals(await ledger(database), start);
  await record.save({ acknowledged: 0, placed: 500 }, startedMs + 1);
  // What is on its way was sent after the last acknowledgement.
  assertEquals(await ledger(database), { ...start, placed: 500 });
  await record.save({ acknowledged: 500, placed: 900 }, startedMs + 2);
  const reach = { acknowledged: 500, placed: 900, sinceMs: startedMs + 2, finishedAt: null };
  assertEquals(await ledger(database), reach);
  await record.end({ acknowledged: 900, placed: 900 }, startedMs + 3);
  const finishedAt = "2026-01-02T03:04:05.681Z";
  const end = { acknowledged: 900, placed: 900, sinceMs: startedMs + 3, finishedAt };
  assertEquals(await ledger(database), end);
  const [row] = await database.transaction((tx) => tx.select(runs, ["r1"]));
  assertEquals([row!.seed, row!.started_at], [7, "2026-01-02T03:04:05.678Z"]);
});

eachStore("beginRun: a run that ends with orders on their way is not finished", async (place) => {
  const database = await open(place);
  const record = await beginRun(database, run, startedMs);
  await record.save({ acknowledged: 500, placed: 1_500 }, startedMs);
  const reach = { acknowledged: 500, placed: 900 };
  assertEquals(record.unknownAt(reach), 400);
  await record.end(reach, startedMs);
  // Made, and never handed out: the truth is known now.
  assertEquals(await ledger(database), { ...reach, sinceMs: startedMs, finishedAt: null });
});

eachStore("beginRun: goes on with a run that was cut off, where it was", async (place) => {
  const database = await open(place);
  const cutOff = await beginRun(database, run, startedMs);
  await cutOff.save({ acknowledged: 500, placed: 900 }, startedMs + 1);
  const record = await beginRun(database, run, startedMs + 60_000);
  assertEquals(record.before, { acknowledged: 500, placed: 900 });
  assertEquals(record.unknownSinceMs, startedMs + 1);
  const reach = { acknowledged: 500, placed: 900, sinceMs: startedMs + 1, finishedAt: null };
  assertEquals(await ledger(database), reach);
  // Those that were on their way may still be in the log, as old as they are.
  await record.save({ acknowledged: 600, placed: 700 }, startedMs + 60_001);
  assertEquals(await ledger(database), { ...reach, acknowledged: 600 });
  assertEquals(record.unknownAt({ acknowledged: 600, placed: 700 }), 300);
  await record.end({ acknowledged: 600, placed: 700 }, startedMs + 60_002);
  assertEquals(await ledger(database), { ...reach, acknowledged: 600 });

  const last = await beginRun(database, run, startedMs + 70_000);
  await last.save({ acknowledged: 900, placed: 950 }, startedMs + 70_001);
  const known = { acknowledged: 900, placed: 950, sinceMs: startedMs + 70_001 };
  assertEquals(await ledger(database), { ...known, finishedAt: null });
  await last.end({ acknowledged: 950, placed: 950 }, startedMs + 70_002);
  assertEquals((await ledger(database)).finishedAt, "2026-01-02T03:05:15.680Z");
});

eachStore(
  "beginRun: the simulator that goes on with a run fences the one before it",
  async (place) => {
    const database = await open(place);
    const frozen = await beginRun(database, run, startedMs);
    await frozen.save({ acknowledged: 500, placed: 900 }, startedMs);
    const record = await beginRun(database, run, startedMs);
    await record.save({ acknowledged: 900, placed: 1_200 }, startedMs);
    for (const late of [frozen.save, frozen.end]) {
      await assertRejects(
        () => late({ acknowledged: 900, placed: 900 }, startedMs),
        Failure,
        "another simulator has run r1 now",
      );
    }
    const { acknowledged, placed } = await ledger(database);
    assertEquals([acknowledged, placed], [900, 1_200]);
  },
);

eachStore("beginRun: a run that is finished is refused, and not changed", async (place) => {
  const database = await open(place);
  const record = await beginRun(database, run, startedMs);
  await record.end({ acknowledged: 1_000, placed: 1_000 }, startedMs);
  const before = await ledger(database);
  await assertRejects(
    () => beginRun(database, run, startedMs + 5),
    Failure,
    "--run: there was a run r1 already, and it is finished: choose another name, or leave it out",
  );
  assertEquals(await ledger(database), before);
});

eachStore("beginRun: a run goes on with the settings that it was begun with", async (place) => {
  const database = await open(place);
  const record = await beginRun(database, run, startedMs);
  await record.save({ acknowledged: 500, placed: 900 }, startedMs);
  await assertRejects(
    () => beginRun(database, { runId: "r1", orders: { ...orders, seed: 8, zipfExponent: 0 } }, 0),
    Failure,
    "--run: run r1 was begun with --seed 7 --zipf 1, and cannot go on with --seed 8 --zipf 0: " +
      "use the same, or choose another name",
  );
  // The refused one has changed nothing.
  await record.save({ acknowledged: 900, placed: 900 }, startedMs);
});

eachStore(
  "beginRun: in a folder of before, new runs begin, old ones cannot go on",
  async (place) => {
    const older = await place.open("simulator", [runs]);
    const row = { run_id: "r1", seed: 7, started_at: "", acknowledged: 500, finished_at: null };
    await older.transaction((tx) => tx.insert(runs, [row]));
    const database = await open(place);
    await assertRejects(
      () => beginRun(database, run, startedMs),
      Failure,
      "--run: run r1 was cut off, and what it had placed was not recorded: choose another name",
    );
    const record = await beginRun(database, { ...run, runId: "r2" }, startedMs);
    await record.save({ acknowledged: 5, placed: 5 }, startedMs);
    const [untouched] = await database.transaction((tx) => tx.select(runs, ["r1"]));
    assertEquals(untouched, row);
  },
);
