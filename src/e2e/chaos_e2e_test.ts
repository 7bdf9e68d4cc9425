/**
 * The whole pipeline on a real Kafka, while its parts are killed, scaled, stopped and frozen. After
 * each scenario the audit passes, and Kafka's own consumer counts the same events.
 */
import { assert, assertEquals } from "@std/assert";
import { openRun, type Run, type RunOptions } from "../local/run.ts";
import { startPostgres } from "../store/testing.ts";
import { until } from "../stream/testing.ts";
import type { Processor, Service } from "../topology.ts";
import { countEvents } from "./referee.ts";

const ORDERS = 12_000;
const RATE = 1_500;
/** For what is left when nobody disturbs any more; an order that was lost would be waited for for ever. */
const SETTLE_LIMIT_MS = 300_000;

/**
 * Places ORDERS orders, runs `disturb` meanwhile, then waits until all is settled and checks it.
 */
async function scenario(
  disturb: (run: Run, settled: (share: number) => Promise<void>) => Promise<void>,
  options: Partial<RunOptions> = {},
): Promise<void> {
  // Inside the project, where the tasks may write.
  await Deno.mkdir(".data", { recursive: true });
  const dataDir = await Deno.makeTempDir({ dir: ".data", prefix: "e2e-" });
  const notices: string[] = [];
  const run = await openRun({
    dataDir,
    partitions: 12,
    guarantee: "exactly_once",
    databaseUrl: "",
    // Nobody else may take the port while the broker is away.
    port: 0,
    onNotice: (line) => notices.push(line),
    ...options,
  });
  try {
    for (const service of ["validator", "inventory", "payment", "fulfillment"] as const) {
      await run.pipeline.scale(service, service === "validator" ? 2 : 1);
    }
    const stop = new AbortController();
    const placing = run.place({ orders: ORDERS, rate: RATE, seed: 7 }, stop.signal, () => {});
    placing.catch(() => {});
    const settled = (share: number) =>
      until(`${share} of the orders settled`, () => run.tally().settled >= share * ORDERS, 120_000);
    let limit: ReturnType<typeof setTimeout> | undefined;
    let late = false;
    try {
      await disturb(run, settled);
      limit = setTimeout(() => {
        late = true;
        stop.abort();
      }, SETTLE_LIMIT_MS);
      const { acknowledged } = await placing;
      if (!late) assertEquals(acknowledged, ORDERS);
    } finally {
      clearTimeout(limit);
      stop.abort();
      await placing.catch(() => {});
    }
    await run.pipeline.stop();
    const { events, checks } = await run.auditAsJson();
    const failed = checks.filter(({ passed }) => !passed);
    // What the audit says of it names the orders.
    assert(
      !late,
      `${run.tally().settled} of ${ORDERS} settled, or not all is read, ${SETTLE_LIMIT_MS} ms ` +
        `after the last disturbance; the audit: ${JSON.stringify(failed, undefined, 2)}`,
    );
    assertEquals(failed, []);
    const { OrderPlaced: _, ...published } = events;
    const expected = Object.values(published).reduce((sum, count) => sum + count, 0);
    assertEquals(
      Object.entries(await countEvents(run.cluster!, run.names, expected)).toSorted(),
      Object.entries(published).toSorted(),
    );
  } catch (error) {
    console.error(`notices:\n${notices.join("\n")}`);
    throw error;
  } finally {
    await run.close();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Kills a member with SIGKILL; its supervisor starts it again. */
async function kill(run: Run, service: Service): Promise<void> {
  const [member] = run.pipeline.members(service);
  assert(member);
  member.signal("SIGKILL");
  await until(`${service} runs again`, () => run.pipeline.members(service)[0]?.pid !== member.pid);
}

const TO_KILL: readonly Processor[] = ["validator", "inventory", "payment", "fulfillment"];

Deno.test("pipeline: a validator, an inventory, a payment and a fulfillment killed in mid-stream", () =>
  scenario(async (run, settled) => {
    for (const [index, service] of TO_KILL.entries()) {
      await settled(0.1 + 0.15 * index);
      await kill(run, service);
    }
  }));

Deno.test("pipeline: every service scaled 1 → 3 → 1 in mid-stream", () =>
  scenario(async (run, settled) => {
    await settled(0.1);
    for (const service of TO_KILL) await run.pipeline.scale(service, 3);
    await settled(0.5);
    for (const service of TO_KILL) await run.pipeline.scale(service, 1);
  }));

// Here Kafka itself is tested, too: see KAFKA_VERSION in src/local/kafka_jars.ts.
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

Deno.test("pipeline: on PostgreSQL, members killed and scaled in mid-stream", async () => {
  const postgres = await startPostgres();
  try {
    await scenario(async (run, settled) => {
      await settled(0.1);
      for (const service of TO_KILL) await run.pipeline.scale(service, 2);
      await settled(0.3);
      for (const service of TO_KILL) await kill(run, service);
    }, { databaseUrl: await postgres.freshDatabase() });
  } finally {
    await postgres.stop();
  }
});
