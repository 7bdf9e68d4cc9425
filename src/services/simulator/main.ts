/** The simulator: customers who place orders, at a rate of their own. */
import type { Config } from "../../runtime/setting.ts";
import type { Logger } from "../../runtime/log.ts";
import { runProgram, waitLine } from "../../program.ts";
import { Failure } from "../../runtime/errors.ts";
import { cloudEventSourceOf } from "../../events/cloud_events.ts";
import { accessChecks, kafkaAccess } from "../../kafka/access.ts";
import { placeOf } from "../../database/settings.ts";
import { catalogReady, openCatalog } from "../../database/catalog.ts";
import { openDatabase, whenAvailable } from "../../database/open.ts";
import { createClient } from "../../kafka/client/client.ts";
import { clusterReady } from "../../kafka/client/cluster_ready.ts";
import { watchPartitions } from "../../kafka/partition_counts.ts";
import { openOrderTraces } from "../../kafka/tracing/open.ts";
import type { OrderTraces } from "../../kafka/tracing/tracing.ts";
import { openPublisher } from "../../kafka/producer/publisher.ts";
import { Names } from "../../topology.ts";
import { findArrived } from "./arrived.ts";
import { commandToGoOn, orderSettingsOf, settings, sharesFit } from "./settings.ts";
import { loadCatalog } from "./shop.ts";
import { createOrderMaker, orderIdOf, type OrderMaker } from "./make_order.ts";
import { createPace } from "./pace.ts";
import { placeOrders } from "./place.ts";
import { displayProgress } from "./progress.ts";
import { formatCount } from "../../runtime/format.ts";
import { beginRun, type RunRecord, simulatorTables } from "./runs.ts";

/** What the whole of a run works with. */
interface Context {
  readonly config: Config<typeof settings>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly kafka: ReturnType<typeof createClient>;
  /** The name on the cluster of orders.raw. */
  readonly topic: string;
  readonly runId: string;
  /** Absent: nothing is traced. */
  readonly traces: OrderTraces | undefined;
}

async function simulate({ config, log, signal }: Pick<Context, "config" | "log" | "signal">) {
  const runId = config.runId || `r${Date.now().toString(36)}`;
  const names = new Names(config.topicPrefix);
  const topic = names.topic("orders.raw");
  const access = kafkaAccess(config);
  const clientId = `simulator-${Deno.pid}`;
  const kafka = createClient(access, clientId);
  const traces = await openOrderTraces(config, { clientId, topicName: topic });
  const context: Context = { config, log, signal, kafka, topic, runId, traces };
  await clusterReady(kafka, {
    access,
    topics: [topic],
    signal,
    onWait: (why) => log.warn(waitLine(why)),
  });
  const watch = watchPartitions(kafka, { names, log });
  try {
    await watch.check();
    await simulateRun(context);
  } finally {
    await watch.close();
  }
}

async function simulateRun(context: Context): Promise<void> {
  const { config, log, signal, runId, traces } = context;
  const catalog = await readCatalog(context);
  if (!catalog) return;
  let makeOrder: OrderMaker;
  try {
    const cloudEventSource = cloudEventSourceOf("simulator", config);
    const trace = traces?.begin;
    makeOrder = createOrderMaker({ ...config, runId, catalog, trace, cloudEventSource });
  } catch (error) {
    throw error instanceof RangeError ? new Failure(error.message) : error;
  }

  const place = { ...placeOf(config), note: (line: string) => log.info(line) };
  const database = await whenAvailable(
    () => openDatabase({ ...place, owner: "simulator", tables: simulatorTables }),
    signal,
    (reason) => log.warn(reason),
  );
  if (!database) return;
  try {
    const run = await beginRun(database, { runId, orders: orderSettingsOf(config) }, Date.now());
    const arrived = await findArrivedBefore(context, run);
    if (arrived) await placeRun(context, run, { makeOrder, arrived });
  } finally {
    await database.close();
  }
}

/** Waits for the catalog, and reads it; undefined when we were to stop before. */
async function readCatalog({ config, log, signal }: Context) {
  const database = await whenAvailable(
    () => openCatalog(placeOf(config)),
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

/** What arrived of that which an earlier simulator of the run had on its way; undefined when stopped. */
async function findArrivedBefore(
  { config, kafka, topic, runId, log, signal }: Context,
  { before, unknownSinceMs: sinceMs }: RunRecord,
): Promise<Set<number> | undefined> {
  const { acknowledged: from, placed: end } = before;
  if (end === 0) return new Set();
  const onWait = (reason: string) => log.warn(reason);
  const unknown = { runId, from, end, sinceMs };
  const cluster = { access: kafkaAccess(config), kafka, topic };
  const arrived = await findArrived(cluster, unknown, { signal, onWait });
  if (arrived) {
    log.info(
      `run ${runId} was cut off: ${formatCount(from)} orders acknowledged, ` +
        `${formatCount(end - from)} more were on their way, of which ` +
        `${formatCount(arrived.size)} arrived`,
    );
  }
  return arrived;
}

/** Places the orders of a run, from where it is, and says what came of it. */
async function placeRun(
  { config, log, signal, kafka, topic, runId, traces }: Context,
  run: RunRecord,
  orders: { makeOrder: OrderMaker; arrived: ReadonlySet<number> },
): Promise<void> {
  const { ratePerS, durationS } = config;
  const first = run.before.acknowledged;
  const durationMs = durationS * 1_000;
  const pace = createPace({ first, orders: config.orders, ratePerS, durationMs });
  log.info(`run ${runId}, seed ${config.seed}: ${describe(pace.total, ratePerS)}`);
  const placing = { placed: first, acknowledged: first };
  const start = performance.now();
  const elapsedMs = () => performance.now() - start;
  const display = displayProgress(
    config.progress,
    () => ({ first, ...placing, total: pace.total, elapsedMs: elapsedMs() }),
  );
  try {
    await placeOrders({
      ...orders,
      pace,
      openPublisher: (onDelay) => openPublisher(kafka, topic, onDelay),
      record: (reach) => run.save(reach, Date.now()),
      onAcknowledged: traces?.acknowledged,
      maxBatch: config.maxBatch,
      signal,
      drainTimeoutMs: config.drainTimeoutMs,
      onTrouble(reason) {
        display.clear();
        if (reason === undefined) log.info("placing orders again");
        else log.warn(`${reason}; keeping what is not acknowledged, and trying again`);
      },
    }, placing);
  } finally {
    display.stop();
    traces?.close();
  }
  const acknowledged = placing.acknowledged - first;
  const seconds = elapsedMs() / 1_000;
  log.info(
    `placed ${formatCount(placing.placed - first)} orders, ` +
      `${formatCount(acknowledged)} acknowledged, in ` +
      `${seconds.toFixed(1)} s: ${formatCount(Math.round(acknowledged / seconds))}/s` +
      (acknowledged > 0 ? `; one of them: ${orderIdOf(runId, first + (acknowledged >> 1))}` : ""),
  );
  const unknown = run.unknownAt(placing);
  if (unknown > 0) {
    log.warn(
      `run ${runId}: ${formatCount(unknown)} orders were on their way, and may have arrived; ` +
        `\`${commandToGoOn(runId, config)}\` resumes it`,
    );
  }
  await run.end(placing, Date.now());
}

function describe(total: number, ratePerS: number): string {
  // A rate may be a fraction.
  const rate = ratePerS > 0 ? `${ratePerS.toLocaleString("en")} a second` : "as fast as possible";
  const orders = Number.isFinite(total) ? `${formatCount(total)} orders` : "orders until stopped";
  return `${orders}, ${rate}`;
}

Deno.exit(
  await runProgram({
    name: "simulator",
    isService: true,
    settings,
    checks: [...accessChecks, sharesFit],
    examples: [
      ["--orders 1000 --rate 0", "1,000 orders as fast as it can"],
      ["--rate 500 --duration 60", "500 orders a second for a minute"],
    ],
    run: simulate,
  }),
);
