/**
 * The whole pipeline on a real Kafka, while its parts are killed, scaled, stopped and frozen. After
 * each scenario the audit passes, and Kafka's own consumer counts the same events.
 */
import { assert } from "@std/assert";
import type { Run } from "../local/run.ts";
import { startPostgres } from "../database/testing/stores.ts";
import { until } from "../kafka/testing/topics.ts";
import { POSTGRES } from "../testing/postgres_binaries.ts";
import { lacks } from "../testing/skips.ts";
import { PROCESSORS, type Service } from "../topology.ts";
import { scenario as runScenario, type ScenarioOptions } from "./support/scenario.ts";

function scenario(
  disturb: (run: Run, settled: (share: number) => Promise<void>) => Promise<void>,
  options: Partial<ScenarioOptions> = {},
): Promise<void> {
  return runScenario(disturb, {
    orders: 12_000,
    rate: 1_500,
    replicas: { validator: 2 },
    ...options,
  });
}

/** Kills a member with SIGKILL; its supervisor starts it again. */
async function kill(run: Run, service: Service): Promise<void> {
  const [member] = run.pipeline.members(service);
  assert(member);
  member.signal("SIGKILL");
  await until(`${service} runs again`, () => run.pipeline.members(service)[0]?.pid !== member.pid);
}

Deno.test("pipeline: one member of every service killed in mid-stream", () =>
  scenario(async (run, settled) => {
    for (const [index, service] of PROCESSORS.entries()) {
      await settled(0.1 + 0.6 * index / PROCESSORS.length);
      await kill(run, service);
    }
  }));

Deno.test("pipeline: every service scaled 1 → 3 → 1 in mid-stream", () =>
  scenario(async (run, settled) => {
    await settled(0.1);
    for (const service of PROCESSORS) await run.pipeline.scale(service, 3);
    await settled(0.5);
    for (const service of PROCESSORS) await run.pipeline.scale(service, 1);
  }));

// Here Kafka itself is tested, too: see KAFKA_VERSION in src/local/kafka/jars.ts.
Deno.test("pipeline: the broker stopped and started in mid-stream", () =>
  scenario(async (run, settled) => {
    const [broker] = run.cluster!.nodes;
    for (const share of [0.3, 0.6]) {
      await settled(share);
      await broker!.stop();
      await broker!.start();
    }
  }));

Deno.test("pipeline: a validator frozen past its session timeout, then thawed", () =>
  scenario(async (run, settled) => {
    await settled(0.2);
    const [frozen] = run.pipeline.members("validator");
    assert(frozen);
    frozen.signal("SIGSTOP");
    await until("the group goes on without it", async () => await run.groupSize("validator") === 1);
    frozen.signal("SIGCONT");
    await until("it is a member again", async () => await run.groupSize("validator") === 2);
  }, { env: { SESSION_TIMEOUT_MS: "6000", TRANSACTION_TIMEOUT_MS: "6000" } }));

Deno.test({
  name: "pipeline: on PostgreSQL, members killed and scaled in mid-stream",
  ignore: lacks(POSTGRES),
}, async () => {
  const postgres = await startPostgres();
  try {
    await scenario(async (run, settled) => {
      await settled(0.1);
      for (const service of PROCESSORS) await run.pipeline.scale(service, 2);
      await settled(0.3);
      for (const service of PROCESSORS) await kill(run, service);
    }, { databaseUrl: await postgres.freshDatabase() });
  } finally {
    await postgres.stop();
  }
});
