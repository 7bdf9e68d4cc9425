/** The simulator: customers who place orders, at a rate of their own. */
import type { Config } from "../../runtime/config.ts";
import type { Logger } from "../../runtime/log.ts";
import { Failure, runProgram } from "../../runtime/program.ts";
import { kafkaAccess, loginIsWhole } from "../../runtime/settings.ts";
import { catalogReady, openCatalog } from "../../store/catalog.ts";
import { openDatabase, whenAvailable } from "../../store/open.ts";
import { createClient } from "../../stream/client.ts";
import { clusterReady } from "../../stream/cluster_ready.ts";
import { openPublisher } from "../../stream/publisher.ts";
import { Names } from "../../topology.ts";
import { settings, sharesFit } from "./config.ts";
import { loadCatalog } from "./load_catalog.ts";
import { createOrderMaker, orderIdOf, type OrderMaker } from "./make_order.ts";
import { createPace } from "./pace.ts";
import { placeOrders } from "./place.ts";
import { count, displayProgress } from "./progress.ts";
import { beginRun, runs } from "./runs.ts";

type SimulatorConfig = Config<typeof settings>;

/** Waits for the catalog, and reads it; undefined when we were to stop before. */
async function readCatalog(config: SimulatorConfig, log: Logger, signal: AbortSignal) {
  const database = await whenAvailable(
    () => openCatalog({ url: config.databaseUrl, directory: config.dataDir }),
    signal,
    (reason) => log.warn(reason),
  );
  if (!database) return undefined;
  try {
    await catalogReady(database, signal, (reason) => log.warn(reason));
    return signal.aborted ? undefined : await loadCatalog(database);
  } finally {
    await database.close();
  }
}

async function simulate(
  config: SimulatorConfig,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { orders, ratePerS, durationS, databaseUrl, dataDir } = config;
  const runId = config.runId || `r${Date.now().toString(36)}`;
  const topic = new Names(config.topicPrefix).topic("orders.raw");
  const access = kafkaAccess(config);
  const kafka = createClient(access, `simulator-${Deno.pid}`);
  await clusterReady(kafka, { access, topics: [topic], signal, onWait: (why) => log.warn(why) });
  const catalog = await readCatalog(config, log, signal);
  if (!catalog) return;
  let makeOrder: OrderMaker;
  try {
    makeOrder = createOrderMaker({ ...config, runId, catalog });
  } catch (error) {
    throw error instanceof RangeError ? new Failure(error.message) : error;
  }

  const place = { url: databaseUrl, directory: dataDir };
  const database = await whenAvailable(
    () => openDatabase({ ...place, owner: "simulator", tables: [runs] }),
    signal,
    (reason) => log.warn(reason),
  );
  if (!database) return;
  try {
    const startedAt = new Date().toISOString();
    const record = await beginRun(database, { runId, seed: config.seed, startedAt });
    const pace = createPace({ orders, ratePerS, durationMs: durationS * 1_000 });
    log.info(`run ${runId}, seed ${config.seed}: ${describe(pace.total, ratePerS)}`);
    const placing = { placed: 0, acknowledged: 0 };
    const start = performance.now();
    const elapsedMs = () => performance.now() - start;
    const display = displayProgress(
      config.progress,
      () => ({ ...placing, total: pace.total, elapsedMs: elapsedMs() }),
    );
    try {
      await placeOrders({
        pace,
        makeOrder,
        openPublisher: () => openPublisher(kafka, topic),
        acknowledge: (acknowledged) => record.acknowledge(acknowledged),
        maxBatch: config.maxBatch,
        signal,
        drainTimeoutMs: config.drainTimeoutMs,
        onTrouble(reason) {
          display.clear();
          if (reason === undefined) log.info("placing orders again");
          else log.warn(`${reason}; keeping what is not acknowledged, and trying again`);
        },
      }, placing);
      await record.finish(new Date().toISOString());
    } finally {
      display.stop();
    }
    const { placed, acknowledged } = placing;
    const seconds = elapsedMs() / 1_000;
    log.info(
      `placed ${count(placed)} orders, ${count(acknowledged)} acknowledged, in ` +
        `${seconds.toFixed(1)} s: ${count(Math.round(acknowledged / seconds))}/s` +
        (acknowledged > 0 ? `; one of them: ${orderIdOf(runId, acknowledged >> 1)}` : ""),
    );
  } finally {
    await database.close();
  }
}

function describe(total: number, ratePerS: number): string {
  const orders = Number.isFinite(total) ? `${count(total)} orders` : "orders until stopped";
  return `${orders}, ${ratePerS > 0 ? `${count(ratePerS)} a second` : "as fast as can be"}`;
}

Deno.exit(
  await runProgram({
    name: "simulator",
    settings,
    checks: [loginIsWhole, sharesFit],
    run: ({ config, log, signal }) => simulate(config, log, signal),
  }),
);
