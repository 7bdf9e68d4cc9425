import { assertEquals, assertMatch } from "@std/assert";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { openDatabase } from "../../database/open.ts";
import { positions } from "../../database/positions.ts";
import { publishAll } from "../../kafka/testing/topics.ts";
import {
  committed,
  deleteGroup,
  freshPipeline,
  orders,
  outcomesOf,
  tablesOf,
  workUntil,
} from "./testing/pipeline.ts";

Deno.test("groups reset: tables and group take the other's word beside partitions that are new", async () => {
  await using broker = await startTestBroker();
  const directory = await Deno.makeTempDir({ prefix: "orderflow-reset-" });
  const pipeline = await freshPipeline(broker.bootstrap, directory);
  const { kafka, names, folder, groups } = pipeline;
  const topic = names.topic("orders.raw");
  await publishAll(kafka, topic, orders(0, 1));
  await workUntil(pipeline, 1);
  const before = await committed(kafka, names);
  assertEquals(Object.values(before), [1]);

  const taken = await groups("reset", "validator", "--to", "committed", "--yes");
  assertEquals([taken.code, taken.stderr], [0, ""], taken.stdout);
  assertMatch(taken.stdout, /nothing +nothing +0 +new: begins at the beginning\n/);
  assertEquals([await tablesOf(folder), await committed(kafka, names)], [before, before]);
  await deleteGroup(kafka, names, "validator");
  const back = await groups("reset", "validator", "--to", "tables", "--yes");
  assertEquals([back.code, back.stderr], [0, ""], back.stdout);
  assertEquals([await tablesOf(folder), await committed(kafka, names)], [before, before]);

  await publishAll(kafka, topic, orders(1, 30));
  const place = { directory: folder, owner: "validator", tables: [positions] };
  const database = await openDatabase(place);
  try {
    await workUntil(pipeline, 30, { database, work: [] });
  } finally {
    await database.close();
  }
  const ids = await outcomesOf(kafka, names);
  assertEquals([ids.length, new Set(ids).size], [30, 30]);
  await Deno.remove(directory, { recursive: true });
});
