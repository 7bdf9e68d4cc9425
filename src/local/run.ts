/**
 * One run of the whole pipeline on this machine: a Kafka of its own (or a given one), topics, catalog,
 * services, orders, audit. What `deno task demo` and the end-to-end tests are made of.
 */
import type { TextFile } from "../runtime/setting.ts";
import {
  accessVariables,
  type KafkaAccess,
  kafkaAccess,
  type SecurityConfig,
} from "../kafka/access.ts";
import { Failure } from "../runtime/errors.ts";
import { makeCatalog, seed } from "../commands/seed/seed.ts";
import { inventoryDatabase } from "../services/inventory/store.ts";
import { openCatalog } from "../database/catalog.ts";
import { openDatabase } from "../database/open.ts";
import { createClient, groupSize } from "../kafka/client/client.ts";
import { createTopics } from "../kafka/topics.ts";
import { Names, type Service } from "../topology.ts";
import { type ClaimedFolder, claimFolder } from "./kafka/folders.ts";
import { type Cluster, type ClusterOptions, nodeLines, startCluster } from "./kafka/cluster.ts";
import { followOutcomes } from "./outcomes.ts";
import type { Placing, Tally } from "./tally.ts";
import { Pipeline } from "./pipeline.ts";
import { type Progress, settleOrders } from "./settle_orders.ts";
import { type Orders, startSimulator } from "./simulator.ts";
import { argumentsOf, PROJECT } from "./task.ts";

export interface RunOptions {
  /** Its data goes to a new folder in `<dataDir>/demo`, or in `demo-2` … while another run uses that. */
  readonly dataDir: string;
  /** Of each order topic (default: DEFAULT_PARTITIONS). */
  readonly partitions?: number | undefined;
  /** (default: as many as the cluster allows, at most 3) */
  readonly replicationFactor?: number | undefined;
  readonly guarantee: string;
  /** A PostgreSQL, or "" for SQLite in the run's folder. */
  readonly databaseUrl: string;
  readonly databasePassword?: TextFile | undefined;
  /** An existing cluster (default: one is started). */
  readonly external?: readonly string[] | undefined;
  /** How to reach the existing cluster (default: no TLS, no login). */
  readonly security?: SecurityConfig;
  /** How many nodes are started (default: 1). */
  readonly nodes?: number;
  /** Where the first node listens; the others follow. A taken port is replaced. 0: any free ports. */
  readonly port?: number;
  /** For tests with proxies before the nodes: the nodes' own ports, and the ones that clients get. */
  readonly proxied?: Pick<ClusterOptions, "ports" | "advertisedPort">;
  /** Pieces of each product, give or take a quarter: about as many as there will be orders. */
  readonly initialStock?: number;
  /** Further settings of the services. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onNotice: (line: string) => void;
}

export interface Run {
  readonly pipeline: Pipeline;
  /** undefined with an existing cluster. */
  readonly cluster: Cluster | undefined;
  readonly names: Names;
  readonly brokers: readonly string[];
  readonly directory: string;
  /** A file with this run's settings, for commands that you start by hand: `--env FILE`. */
  readonly envFile: string;
  /** Places orders and waits for their outcomes: see `settleOrders`. */
  place(
    orders: Orders,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Placing>;
  /** Runs `deno task audit`, which prints to our output; returns whether it passed. */
  audit(): Promise<boolean>;
  /**
   * The same with its report as JSON.
   *
   * @throws {Failure} there is no report; the message quotes the command
   */
  auditAsJson(): Promise<{
    passed: boolean;
    events: Record<string, number>;
    checks: { title: string; passed: boolean; offenders: { who: string; what: string }[] }[];
  }>;
  /** The members of a service's consumer group right now. */
  groupSize(service: Service): Promise<number>;
  /** What became of the orders of the last `place`. */
  tally(): Tally;
  /** The id of an order to look at: a cancelled one, if there is one. */
  exampleOrder(): string;
  close(): Promise<void>;
}

/** Not 9092: services that you started by hand wait there for a broker of their own. */
const DEFAULT_PORT = 19_092;

export async function openRun(options: RunOptions): Promise<Run> {
  const folder = await claimFolder(options.dataDir, "demo");
  let cluster: Cluster | undefined;
  try {
    const directory = await freshFolder(folder.directory);
    if (!options.external) {
      const { port = DEFAULT_PORT, nodes = 1 } = options;
      cluster = await startCluster({
        directory: `${directory}/kafka`,
        ports: Array.from({ length: nodes }, (_, n) => port === 0 ? 0 : port + n),
        ...options.proxied,
        portPolicy: "prefer",
        onNotice: options.onNotice,
      });
    }
    return await prepareRun(options, folder, directory, cluster);
  } catch (error) {
    await cluster?.stop();
    folder.release();
    throw error;
  }
}

/** Creates the topics, loads the catalog, and prepares the services; nothing is placed yet. */
async function prepareRun(
  options: RunOptions,
  folder: ClaimedFolder,
  directory: string,
  cluster: Cluster | undefined,
): Promise<Run> {
  const { external, onNotice } = options;
  const brokers = external ?? cluster!.nodes.map(({ bootstrap }) => bootstrap);
  const security = external && options.security;
  for (const line of cluster ? nodeLines(cluster) : []) onNotice(line);
  onNotice(`Kafka is ready at ${brokers.join(",")}`);
  // A cluster that others use gets topics of this run's own.
  const names = new Names(external ? `demo-${Date.now().toString(36)}.` : "");
  const access: KafkaAccess = security
    ? kafkaAccess({ brokers: [...brokers], ...security })
    : { brokers };
  const kafka = createClient(access, `demo-${Deno.pid}`);
  const { created, partitions, replicationFactor } = await createTopics(kafka, names, options);
  const loaded = await loadCatalog(options, directory);
  onNotice(
    `${created.length} topics created, replication factor ${replicationFactor}; ` +
      `${loaded.customers} customers and ${loaded.products} products loaded`,
  );
  const env: Record<string, string> = {
    ...accessVariables(brokers, security),
    ...serviceVariables(options, directory),
    TOPIC_PREFIX: names.prefix,
    PARTITIONS: String(partitions),
    ...options.env,
  };
  const envFile = `${folder.directory}/.env`;
  Deno.writeTextFileSync(envFile, envLines(env));
  const pipeline = new Pipeline({ directory, env, onNotice });
  const counter = followOutcomes({ access, kafka }, { names, onNotice });
  return {
    pipeline,
    cluster,
    names,
    brokers,
    directory,
    envFile,
    tally: counter.tally,
    exampleOrder() {
      const { examples } = counter.tally();
      return examples.get("OrderCancelled") ?? examples.get("OrderConfirmed") ?? "ORDER_ID";
    },
    place(orders, signal, onProgress) {
      counter.reset();
      const { tally } = counter;
      const simulator = startSimulator(orders, { env, logFile: pipeline.logFile("simulator") });
      const watch = { tally, signal, onProgress, onNotice };
      return settleOrders(simulator, { kafka, names, pipeline, ...watch });
    },
    ...auditCommands(env),
    groupSize: (service) => groupSize(kafka, names.group(service)),
    async close() {
      await pipeline.stop();
      await counter.stop();
      await cluster?.stop();
      folder.release();
    },
  };
}

/** What the services get of a run's own settings. */
function serviceVariables(options: RunOptions, directory: string): Record<string, string> {
  return {
    DATA_DIR: directory,
    DATABASE_URL: options.databaseUrl,
    DATABASE_PASSWORD_FILE: options.databasePassword?.path ?? "",
    PROCESSING_GUARANTEE: options.guarantee,
  };
}

async function loadCatalog(options: RunOptions, directory: string) {
  const { databaseUrl: url, databasePassword: password, initialStock = 20_000 } = options;
  const place = { url, password, directory };
  const catalog = await openCatalog(place);
  const inventory = await openDatabase({ ...place, ...inventoryDatabase });
  const data = makeCatalog({ seed: 1, initialStock });
  await seed({ catalog, inventory, data });
  await Promise.all([catalog.close(), inventory.close()]);
  return { customers: data.customers.length, products: data.products.length };
}

function auditCommands(env: Readonly<Record<string, string>>): Pick<Run, "audit" | "auditAsJson"> {
  const command = (args: readonly string[], output: "inherit" | "piped") =>
    new Deno.Command(Deno.execPath(), {
      args: [...argumentsOf("audit"), ...args],
      cwd: PROJECT,
      env,
      stdout: output,
      stderr: output,
    }).output();
  return {
    audit: async () => (await command([], "inherit")).success,
    async auditAsJson() {
      const { code, stdout, stderr } = await command(["--json"], "piped");
      const [report, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      // An audit that fails exits with 1 and a report; no report: it could not be made.
      if (!report) throw new Failure(`the audit exited with ${code}:\n${errors}`);
      return JSON.parse(report);
    },
  };
}

/** The text of a `.env` file. */
function envLines(env: Readonly<Record<string, string>>): string {
  return Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}\n`).join("");
}

/** In a `.env` file a `$` names a variable, and a `#` begins a comment. */
function quoted(value: string): string {
  return /[$#\s]/.test(value) ? `'${value}'` : value;
}

/** A new folder for this run's data; those of earlier runs are deleted. */
async function freshFolder(parent: string): Promise<string> {
  for await (const { name, isDirectory } of Deno.readDir(parent)) {
    if (isDirectory) await Deno.remove(`${parent}/${name}`, { recursive: true });
  }
  // A new name, because a broker whose demo was killed may still be writing to its own folder.
  const directory = `${parent}/${Date.now().toString(36)}`;
  await Deno.mkdir(directory);
  return directory;
}
