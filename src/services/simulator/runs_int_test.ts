import { assertEquals, assertRejects } from "@std/assert";
import { Failure } from "../../runtime/program.ts";
import type { Database } from "../../store/database.ts";
import { eachStore } from "../../store/testing.ts";
import { beginRun, runs } from "./runs.ts";

const startedAt = "2026-01-02T03:04:05.678Z";
const finishedAt = "2026-01-02T03:05:00.000Z";

async function rows(database: Database) {
  const all = [];
  for await (const page of database.scan(runs)) all.push(...page);
  return all;
}

eachStore("beginRun: records what is acknowledged, and the end", async (place) => {
  const database = await place.open("simulator", [runs]);
  const record = await beginRun(database, { runId: "r1", seed: 7, startedAt });
  const row = { run_id: "r1", seed: 7, started_at: startedAt, acknowledged: 0, finished_at: null };
  assertEquals(await rows(database), [row]);
  await record.acknowledge(1_000);
  assertEquals(await rows(database), [{ ...row, acknowledged: 1_000 }]);
  await record.finish(finishedAt);
  assertEquals(await rows(database), [{ ...row, acknowledged: 1_000, finished_at: finishedAt }]);
});

eachStore("beginRun: a second run of one name is refused, and changes nothing", async (place) => {
  const database = await place.open("simulator", [runs]);
  const record = await beginRun(database, { runId: "r1", seed: 7, startedAt });
  await record.acknowledge(1_000);
  const again = beginRun(database, { runId: "r1", seed: 7, startedAt: finishedAt });
  await assertRejects(() => again, Failure, "r1");
  assertEquals((await rows(database)).map((row) => row.acknowledged), [1_000]);
});
