/** The audit while orders flow through the whole pipeline, and what all services then serve at /metrics. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { argumentsOf, PROJECT } from "../local/task.ts";
import { openDatabase } from "../database/open.ts";
import { simulatorTables } from "../services/simulator/runs.ts";
import { assertDocumented, assertServed, currentText, scrapeAll } from "./support/metrics.ts";
import { scenario } from "./support/scenario.ts";
import { PROMTOOL, promtool } from "../testing/monitoring.ts";
import { lacks } from "../testing/skips.ts";
import type { Run } from "../local/run.ts";

const [ORDERS, RATE] = [6_000, 150];

Deno.test("pipeline: the audit passes while orders flow, and finds what was lost before it began", (t) =>
  scenario(async (run, settled) => {
    const audit = async () => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [...argumentsOf("audit"), "--env", run.envFile, "--wait", "30"],
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
  }, { orders: ORDERS, rate: RATE }));

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
