/**
 * One run of the whole pipeline on this machine: a Kafka of its own (or a given one), topics, catalog,
 * services, orders, audit. What `deno task demo`, the end-to-end tests and the bench are made of.
 */
import type { TextFile } from "../runtime/setting.ts";
import {
  accessVariables,
  type KafkaAccess,
  kafkaAccess,
  type SecurityConfig,
} from "../kafka/access.ts";
import { Failure } from "../runtime/errors.ts";
import { makeCatalog } from "../commands/seed/catalog_data.ts";
import { seed } from "../commands/seed/seed.ts";
import { inventoryTables } from "../services/inventory/store.ts";
import { openCatalog } from "../database/catalog.ts";
import { openDatabase } from "../database/open.ts";
import { createClient } from "../kafka/client/client.ts";
import { followTopics } from "../kafka/readers/follow.ts";
import { type LocatedUnreadable, sentenceOf } from "../kafka/protocol/unreadable.ts";
import { createTopics } from "../kafka/topics.ts";
import { Names, type Service } from "../topology.ts";
import { type ClaimedFolder, claimFolder } from "./kafka/folders.ts";
import { type Cluster, type ClusterOptions, nodeLines, startCluster } from "./kafka/cluster.ts";
import { createTally, type Placing, type Tally } from "./tally.ts";
import { Pipeline } from "./pipeline.ts";
import { type Orders, placeOrders } from "./place_orders.ts";
import type { Progress } from "./progress_line.ts";
import { argumentsOf, PROJECT } from "./supervise.ts";

export interface RunOptions {
  /** Its data goes to a new folder in `<dataDir>/demo`, or `demo-2` … while another run uses that. */
  readonly dataDir: string;
  /** Of each order topic; DEFAULT_PARTITIONS unless said. */
  readonly partitions?: number | undefined;
  /** As many as the cluster allows, at most 3, unless said. */
  readonly replicationFactor?: number | undefined;
  readonly guarantee: string;
  /** A PostgreSQL, or "" for SQLite in the run's folder. */
  readonly databaseUrl: string;
  readonly databasePassword?: TextFile | undefined;
  /** An existing cluster; otherwise one is started. */
  readonly external?: readonly string[] | undefined;
  /** How to reach that one; otherwise without TLS or login. */
  readonly security?: SecurityConfig;
  /** How many nodes that one has; 1 unless said. */
  readonly nodes?: number;
  /** Where they should listen, the first of them; other ports are taken if these are. 0: any free ones. */
  readonly port?: number;
  /** For tests with proxies before the nodes: the nodes' own ports, and those that clients are told. */
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
  /** A file with the settings of this run, for commands by hand: `--env FILE`. */
  readonly envFile: string;
  /** Places orders and waits for what becomes of them: see `placeOrders`. */
  place(
    orders: Orders,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Placing>;
  /** Runs `deno task audit`, its output to ours; returns whether it passed. */
  audit(): Promise<boolean>;
  /**
   * The same, its report as JSON.
   *
   * @throws {Failure} there is no report; the message has the command's own words
   */
  auditAsJson(): Promise<{
    passed: boolean;
    events: Record<string, number>;
    checks: { title: string; passed: boolean; offenders: { who: string; what: string }[] }[];
  }>;
  /** The members of a service's consumer group right now. */
  groupSize(service: Service): Promise<number>;
  /** What became of the orders that were placed last. */
  tally(): Tally;
  exampleOrder(): string;
  close(): Promise<void>;
}

/** Not 9092: services that were started by hand wait there for a broker of their own. */
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

/** Topics, catalog, and what a run is made of; nothing is placed yet. */
async function prepareRun(
  options: RunOptions,
  folder: ClaimedFolder,
  directory: string,
  cluster: Cluster | undefined,
): Promise<Run> {
  const { guarantee, databaseUrl, databasePassword, external, onNotice } = options;
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

  const place = { url: databaseUrl, password: databasePassword, directory };
  const catalog = await openCatalog(place);
  const inventory = await openDatabase({ ...place, owner: "inventory", tables: inventoryTables });
  const data = makeCatalog({ seed: 1, initialStock: options.initialStock ?? 20_000 });
  await seed({ catalog, inventory, data });
  await Promise.all([catalog.close(), inventory.close()]);
  onNotice(
    `${created.length} topics created, replication factor ${replicationFactor}; ` +
      `${data.customers.length} customers and ${data.products.length} products loaded`,
  );

  const env: Record<string, string> = {
    ...accessVariables(brokers, security),
    TOPIC_PREFIX: names.prefix,
    PARTITIONS: String(partitions),
    DATA_DIR: directory,
    DATABASE_URL: databaseUrl,
    DATABASE_PASSWORD_FILE: databasePassword?.path ?? "",
    PROCESSING_GUARANTEE: guarantee,
    ...options.env,
  };
  const envFile = `${folder.directory}/.env`;
  Deno.writeTextFileSync(
    envFile,
    Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}\n`).join(""),
  );

  const pipeline = new Pipeline({ directory, env, onNotice });
  let counter = createTally();
  const following = new AbortController();
  const onUnreadable = (batch: LocatedUnreadable) => onNotice(sentenceOf(batch, batch));
  const outcomes = followTopics(
    kafka,
    [names.topic("orders.outcomes")],
    (records) => counter.addOutcomes(records),
    onUnreadable,
    following.signal,
  );
  const deadLetters = followTopics(
    kafka,
    [names.topic("dlq.validator")],
    (records) => counter.addDeadLetters(records),
    onUnreadable,
    following.signal,
  );

  const auditCommand = (args: string[], options: Deno.CommandOptions) =>
    new Deno.Command(Deno.execPath(), {
      args: [...argumentsOf("audit"), ...args],
      cwd: PROJECT,
      env,
      ...options,
    });

  return {
    pipeline,
    cluster,
    names,
    brokers,
    directory,
    envFile,
    tally: () => counter.tally,
    exampleOrder() {
      const { examples } = counter.tally;
      return examples.get("OrderCancelled") ?? examples.get("OrderConfirmed") ?? "ORDER_ID";
    },

    place(orders, signal, onProgress) {
      counter = createTally();
      const tally = () => counter.tally;
      const watch = { tally, signal, onProgress, onNotice };
      return placeOrders(orders, { kafka, names, env, pipeline, ...watch });
    },

    async audit() {
      const audit = auditCommand([], { stdout: "inherit", stderr: "inherit" });
      return (await audit.output()).success;
    },

    async auditAsJson() {
      const audit = auditCommand(["--json"], { stdout: "piped", stderr: "piped" });
      const { code, stdout, stderr } = await audit.output();
      const [report, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      // One that fails ends with 1 and a report; without a report it could not be made.
      if (!report) throw new Failure(`the audit exited with ${code}:\n${errors}`);
      return JSON.parse(report);
    },

    async groupSize(service) {
      const admin = kafka.admin();
      await admin.connect();
      try {
        const { groups } = await admin.describeGroups([names.group(service)]);
        return groups[0]?.members.length ?? 0;
      } finally {
        await admin.disconnect();
      }
    },

    async close() {
      await pipeline.stop();
      following.abort();
      await Promise.allSettled([outcomes, deadLetters]);
      await cluster?.stop();
      folder.release();
    },
  };
}

/** In a `.env` file a `$` names a variable, and a `#` begins a comment. */
function quoted(value: string): string {
  return /[$#\s]/.test(value) ? `'${value}'` : value;
}

/** A new folder for this run's data; what earlier runs left beside it goes. */
async function freshFolder(parent: string): Promise<string> {
  for await (const { name, isDirectory } of Deno.readDir(parent)) {
    if (isDirectory) await Deno.remove(`${parent}/${name}`, { recursive: true });
  }
  // A new name, because a broker whose demo was killed may still be writing to its own folder.
  const directory = `${parent}/${Date.now().toString(36)}`;
  await Deno.mkdir(directory);
  return directory;
}
