/**
 * The audit while orders flow through the whole pipeline, which writes CloudEvents headers; and what all
 * services then serve at /metrics.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decode } from "../events/codec.ts";
import { createClient } from "../kafka/client/client.ts";
import { readAll } from "../kafka/testing/topics.ts";
import { argumentsOf, PROJECT } from "../local/task.ts";
import { openDatabase } from "../database/open.ts";
import { simulatorTables } from "../services/simulator/runs.ts";
import { assertDocumented, assertServed, currentText, scrapeAll } from "./support/metrics.ts";
import { type EventType, type Topic, TOPIC_NAMES, TOPICS, writerOf } from "../topology.ts";
import { scenario } from "./support/scenario.ts";
import { PROMTOOL, promtool } from "../testing/monitoring.ts";
import { lacks } from "../testing/skips.ts";
import type { Run } from "../local/run.ts";

const [ORDERS, RATE] = [4_500, 125];

/** What is read of each topic's headers. */
interface Read {
  readonly topic: Topic;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The messages of the order topics that are events. */
async function readEvents({ names, brokers }: Pick<Run, "names" | "brokers">): Promise<Read[]> {
  const kafka = createClient({ brokers }, "test");
  const read = await Promise.all(TOPIC_NAMES.map(async (topic) => {
    const records = await readAll(kafka, names.topic(topic));
    return records.filter(({ key, value }) => decode(topic, key, value).ok)
      .map(({ key, headers }) => ({ topic, key: new TextDecoder().decode(key!), headers }));
  }));
  return read.flat();
}

Deno.test("pipeline: the audit passes while orders flow, and finds what was lost before it began", (t) =>
  scenario(async (run, settled) => {
    const audit = async () => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [...argumentsOf("audit"), "--env", run.envFile, "--wait", "90"],
        cwd: PROJECT,
        env: { NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder();
      return { code, said: text.decode(stdout) + text.decode(stderr) };
    };
    await settled(0.1);
    const sound = await audit();
    assertEquals(sound.code, 0, sound.said);
    assertMatch(sound.said, /\n +scope: [\d,]+ orders placed while it was made are not judged/);
    assert(run.tally().settled < ORDERS, "all was over before the audit was");

    const events = await readEvents(run);
    const ids = new Set(events.map(({ headers: { ce_source, ce_id } }) => `${ce_source} ${ce_id}`));
    assertEquals(ids.size, events.length);
    for (const { topic, key, headers } of events) {
      const [, type, version] = /^orderflow\.(\w+)\.v(\d+)$/.exec(headers.ce_type!) ?? [];
      assert((TOPICS[topic].events as readonly string[]).includes(type!), headers.ce_type);
      assertEquals(version, "1");
      assertEquals(headers.ce_source, `/orderflow/${writerOf(type as EventType)}`);
      assertEquals([headers.ce_subject, headers.ce_specversion], [key, "1.0"]);
      assertMatch(headers.traceparent!, /^00-/);
    }
    assertEquals(new Set(events.map(({ topic }) => topic)).size, TOPIC_NAMES.length);

    // Of a run that is in the ledger alone every order is lost.
    const ledger = await openDatabase({
      directory: run.directory,
      owner: "simulator",
      tables: simulatorTables,
    });
    const [runs] = simulatorTables;
    const lost = { run_id: "lost", seed: 1, started_at: "", acknowledged: 1, finished_at: null };
    try {
      await ledger.transaction((tx) => tx.insert(runs, [lost]));
      const { code, said } = await audit();
      assertEquals(code, 1, said);
      assertMatch(said, /\n +lost-000000: was acknowledged, but is not in orders\.raw\n/);
      assertMatch(said, /AUDIT FAILED: 1 of \d+ checks/);
    } finally {
      await ledger.transaction((tx) => tx.upsert(runs, [{ ...lost, acknowledged: 0 }]));
      await ledger.close();
    }
    await metrics(t, run);
  }, { orders: ORDERS, rate: RATE, env: { CLOUD_EVENTS: "true" } }));

async function metrics(t: Deno.TestContext, run: Run): Promise<void> {
  // Not before: the audit has to be made while orders flow.
  await run.pipeline.scale("analytics", 1);
  const scrapes = await scrapeAll(run);
  await t.step("docs/metrics.md names every metric, and no other", () => assertDocumented(scrapes));
  await t.step("rules and dashboards ask for metrics that there are", () => assertServed(scrapes));
  await t.step({
    name: "Prometheus finds no fault with them",
    ignore: lacks(PROMTOOL),
    async fn() {
      for (const families of scrapes.values()) {
        await promtool(["check", "metrics"], currentText(families));
      }
    },
  });
}
