/**
 * `deno task demo`: a whole run, from an empty Kafka to the proof that every order was accounted for.
 * Each part runs as the process that its own task would start; this one only starts, watches and
 * stops them.
 */
import { isAbsolute, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { formatAddress } from "../runtime/address.ts";
import { type Config, flag, hosts, integer, optional, type Setting } from "../runtime/setting.ts";
import { writableFolder } from "../runtime/folder.ts";
import type { Logger } from "../runtime/log.ts";
import { runProgram } from "../program.ts";
import { Failure } from "../runtime/errors.ts";
import { aborted } from "../runtime/shutdown.ts";
import {
  accessChecks,
  type AccessConfig,
  accessSettings,
  kafkaAccess,
  prepareAccess,
} from "../kafka/access.ts";
import { processorSettings } from "../services/settings.ts";
import { topicSettings } from "../kafka/settings.ts";
import { createClient } from "../kafka/client/client.ts";
import { clusterReady } from "../kafka/client/cluster_ready.ts";
import { PROCESSORS, type Service } from "../topology.ts";
import { settings as analyticsSettings } from "../services/analytics/settings.ts";
import { bundlePage } from "./bundle_page.ts";
import { nodesSetting } from "./kafka/cluster.ts";
import { disturbNodes } from "./kafka/disturb.ts";
import { figures } from "./tally.ts";
import { freePort, isFree } from "./kafka/ports.ts";
import { createProgressLine } from "./progress_line.ts";
import { openRun, type Run } from "./run.ts";
import { PROJECT, superviseNodes } from "./supervise.ts";

const SCALABLE: readonly Service[] = [...PROCESSORS, "analytics"];

const { partitions, replicationFactor } = topicSettings;
const { guarantee, databaseUrl, databasePassword, dataDir, httpHost, logLevel, logFormat } =
  processorSettings;

const { brokers: _, ...securitySettings } = accessSettings;

const settings = {
  orders: integer({
    env: "DEMO_ORDERS",
    option: "orders",
    fallback: "20000",
    min: 1,
    max: 100_000_000,
    help: "how many orders are placed",
  }),
  rate: integer({
    env: "DEMO_RATE",
    option: "rate",
    fallback: "0",
    min: 0,
    max: 1_000_000,
    help: "orders a second; 0 places them as fast as it can",
  }),
  seed: integer({
    env: "SIMULATOR_SEED",
    option: "seed",
    fallback: "1",
    min: 0,
    max: 4_294_967_295,
    help: "the same seed places the same orders",
  }),
  replicas: replicas({
    option: "replicas",
    fallback: "",
    help: "copies of services, such as validator=2,payment=3; one of each unless said",
  }),
  external: optional(hosts({
    option: "brokers",
    fallback: "",
    help:
      "a cluster to use instead of starting one, host:port; several separated by commas; it is " +
      "reached with the settings KAFKA_SSL… and KAFKA_SASL…",
  })),
  ...securitySettings,
  nodes: nodesSetting,
  disturb: flag({
    option: "disturb",
    fallback: "false",
    help: "with --nodes 3: each node is restarted, and then each is killed, while orders flow",
  }),
  keep: flag({
    option: "keep",
    fallback: "false",
    help: "leave everything running after the audit, until Ctrl-C",
  }),
  partitions,
  replicationFactor,
  guarantee,
  databaseUrl,
  databasePassword,
  dataDir,
  httpHost,
  logLevel,
  logFormat,
};

/** `validator=2,payment=3`: copies by service. */
function replicas(
  source: { option: string; fallback: string; help: string },
): Setting<ReadonlyMap<Service, number>> {
  return {
    ...source,
    read(text) {
      const copies = new Map<Service, number>(SCALABLE.map((service) => [service, 1]));
      for (const part of text.split(",").filter(Boolean)) {
        const [, name, count] = /^([a-z]+)=(\d{1,2})$/.exec(part.trim()) ?? [];
        if (!SCALABLE.includes(name as Service) || Number(count) < 1) {
          throw new Error(`SERVICE=COPIES, several separated by commas, of ${SCALABLE.join(", ")}`);
        }
        copies.set(name as Service, Number(count));
      }
      return copies;
    },
  };
}

function checkNodes(
  { nodes, disturb, external }: Config<typeof settings>,
): string | undefined {
  if (disturb && nodes === "1") {
    return "--disturb: restarts and kills one node after another, and needs --nodes 3";
  }
  if (external && nodes !== "1") {
    return "--nodes: with --brokers there is no Kafka to start; leave out one of the two";
  }
  return undefined;
}

/** The demo may write anywhere; the services that it starts may not, and would refuse one by one. */
function checkFolder(config: Config<typeof settings>): string | undefined {
  const within = relative(".data", config.dataDir);
  return within.startsWith("..") || isAbsolute(within)
    ? `DATA_DIR: expected .data, or a folder below it (the services may write to no other), found ` +
      `"${config.dataDir}"`
    : undefined;
}

/** The services may read files of this project and below /etc/kafka, and no others. */
const checkFiles = (["caFile", "passwordFile", "tokenFile"] as const).map(
  (name) => (config: Config<typeof settings>): string | undefined => {
    const path = config.external && config[name]?.path;
    if (!path || isBelow(fileURLToPath(PROJECT), path) || isBelow("/etc/kafka", path)) return;
    return `${settings[name].env}: expected a file of this project, or below /etc/kafka: the ` +
      `services may read no others; found "${path}"`;
  },
);

function isBelow(folder: string, path: string): boolean {
  return !relative(folder, resolve(path)).startsWith("..");
}

async function demo(
  config: Config<typeof settings>,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const line = createProgressLine(Deno.stderr.isTerminal());
  const notice = (text: string) => {
    line.clear();
    console.error(text);
  };
  // As many pieces as orders: then a few percent of them find something sold out.
  const initialStock = Math.max(20_000, config.orders);
  await writableFolder(config.dataDir);
  const { external } = config;
  if (external) await reachable({ ...config, brokers: external }, log, signal, notice);
  const { dashboardPort, env } = await dashboard(config.httpHost, notice);
  const page = `http://${formatAddress({ host: config.httpHost, port: dashboardPort })}/`;
  const nodes = Number(config.nodes);
  const run = await openRun({
    ...config,
    security: config,
    nodes,
    initialStock,
    env,
    onNotice: notice,
  });
  const closing = new AbortController();
  try {
    for (const [service, copies] of config.replicas) await run.pipeline.scale(service, copies);
    notice(`Watch it at ${page}`);
    const { orders, disturb } = config;
    const rate = rateOf(config);
    if (rate !== config.rate) {
      notice(`Placing ${rate} orders a second, so that they flow meanwhile`);
    }
    let share = 0;
    const watched = watchNodes(run, {
      disturb,
      share: () => share,
      signal: AbortSignal.any([signal, closing.signal]),
      onNotice: notice,
    });
    const placing = await watched.orFailure(run.place({ ...config, rate }, signal, (progress) => {
      share = progress.settled / orders;
      line.show(progress);
    }));
    share = 1;
    await watched.orFailure(watched.disturbed);
    if (signal.aborted) return stopped(line);
    const settled = run.tally().settled < placing.acknowledged ? "Not all" : "All";
    notice(`${settled} orders are settled; checking them all against the log and the databases.`);
    if (!config.keep) await run.pipeline.stop();
    const passed = await run.audit();
    console.log();
    for (const text of figures(placing, run.tally())) console.log(text);
    if (config.keep) await keep(run, page, signal);
    else {console.log(
        "\nWith --keep it all stays up afterwards: to scale, to kill, to trace an order.",
      );}
    return passed ? 0 : 1;
  } finally {
    closing.abort();
    line.clear();
    await run.close();
  }
}

/** Nodes take some 10 s each, twice: without a rate all would be settled before the first is back. */
const DISTURBED_S = 90;

function rateOf({ disturb, rate, orders }: Config<typeof settings>): number {
  return disturb && rate === 0 ? Math.ceil(orders / DISTURBED_S) : rate;
}

/**
 * Disturbs the nodes if that is wanted, and sees to it that they run: one of several that somebody
 * killed is started again.
 */
function watchNodes(
  { cluster }: Run,
  options: { disturb: boolean } & Parameters<typeof disturbNodes>[1],
) {
  const disturbed = cluster && options.disturb ? disturbNodes(cluster, options) : Promise.resolve();
  const failing = disturbed.then(() => cluster && superviseNodes(cluster, options));
  failing.catch(() => {});
  return {
    /** Resolves when nobody disturbs them any more. */
    disturbed,
    /** What `work` resolves to; rejects when the nodes fail meanwhile. */
    orFailure: <T>(work: Promise<T>) => Promise.race([work, failing.then(() => work)]),
  };
}

/** Waits for a cluster that is not ours to start. */
async function reachable(
  config: AccessConfig,
  log: Logger,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<void> {
  prepareAccess(config, log);
  const access = kafkaAccess(config);
  await clusterReady(createClient(access, `demo-${Deno.pid}`), {
    access,
    topics: [],
    signal,
    onWait,
  });
  if (signal.aborted) throw new Failure("stopped before Kafka answered");
}

function stopped(line: ReturnType<typeof createProgressLine>): number {
  line.clear();
  console.error("Stopped before all orders were settled.");
  return 1;
}

/** Where the page will be, and the settings of analytics for it: everything in the log is counted. */
async function dashboard(httpHost: string, notice: (text: string) => void) {
  const fault = await bundlePage();
  if (fault) notice(`The dashboard has no page, because it could not be bundled:\n${fault}`);
  const preferred = Number(analyticsSettings.dashboardPort.fallback);
  const dashboardPort = await isFree(preferred) ? preferred : await freePort();
  if (dashboardPort !== preferred) notice(`port ${preferred} is taken; the dashboard uses another`);
  const own = { DASHBOARD_PORT: String(dashboardPort), ANALYTICS_FROM_BEGINNING: "true" };
  return { dashboardPort, env: { ...own, HTTP_HOST: httpHost } };
}

async function keep(run: Run, page: string, signal: AbortSignal): Promise<void> {
  const { envFile } = run;
  console.log(`
Everything is still running; Ctrl-C stops it. Meanwhile:
  watch           ${page} in a browser
  more orders     deno task simulator --env ${envFile} --orders 10000 --rate 500
  scale           deno task validator --env ${envFile}
  look at one     deno task trace --env ${envFile} ${run.exampleOrder()}
  dead letters    deno task dlq --env ${envFile} list validator
  check again     deno task audit --env ${envFile}`);
  await aborted(signal);
}

Deno.exit(
  await runProgram({
    name: "demo",
    settings,
    examples: [
      [
        "--orders 100000 --rate 2000 --replicas validator=2,payment=2",
        "longer, and with more copies",
      ],
      [
        "--nodes 3 --disturb",
        "on three Kafka nodes that are restarted and killed while orders flow",
      ],
      ["--keep", "leaves everything running, with the dashboard, until Ctrl-C"],
    ],
    checks: [checkNodes, checkFolder, ...checkFiles, ...accessChecks],
    run: ({ config, log, signal }) => demo(config, log, signal),
  }),
);
