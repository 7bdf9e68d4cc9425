/**
 * A pipeline to be measured: a broker of its own, and topics, catalog, services and simulator by the
 * tasks of a checkout. The broker, and all that measures, is this project's on every side.
 */
import { fileURLToPath } from "node:url";
import { Failure } from "../runtime/errors.ts";
import { plural } from "../runtime/format.ts";
import { claimFolder } from "../local/kafka/folders.ts";
import { type Cluster, startCluster } from "../local/kafka/cluster.ts";
import { accessVariables } from "../kafka/access.ts";
import { createClient, type KafkaClient } from "../kafka/client/client.ts";
import type { LogRecord } from "../kafka/records.ts";
import { followOutcomes } from "../local/outcomes.ts";
import { Pipeline } from "../local/pipeline.ts";
import { settleOrders, type SettlingEvents } from "../local/settle_orders.ts";
import { type Orders, type Simulator, startSimulator } from "../local/simulator.ts";
import type { Tally } from "../local/tally.ts";
import { DEFAULT_PARTITIONS, Names } from "../topology.ts";
import { runTask } from "./checkout.ts";
import { TRACE_GARBAGE } from "./garbage.ts";

export interface PipelineOptions {
  /** Whose topics, catalog, services and simulator. */
  readonly checkout: URL;
  /** How many orders will be placed, about: there is stock for all of them. */
  readonly orders: number;
  /** Settings of the services, such as `PROCESSING_GUARANTEE`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Told the outcomes, of one partition. */
  readonly onOutcomes?: (records: readonly LogRecord[]) => void;
  readonly signal: AbortSignal;
}

export interface MeasuredPipeline {
  readonly cluster: Cluster;
  readonly kafka: KafkaClient;
  readonly names: Names;
  readonly services: Pipeline;
  startSimulator(orders: Omit<Orders, "seed">): Simulator;
  /**
   * Waits until all that a simulator places has been settled, and read; then the tally is of its orders.
   *
   * @throws {Failure} some of them got no outcome
   */
  settle(simulator: Simulator, on: SettlingEvents): Promise<void>;
  tally(): Tally;
}

/** Opens a pipeline for `work`, without services, and closes it. */
export async function withPipeline<T>(
  options: PipelineOptions,
  work: (pipeline: MeasuredPipeline) => Promise<T>,
): Promise<T> {
  const { checkout, signal } = options;
  // The tasks may write to this folder of their checkout, and to no other.
  const folder = await claimFolder(fileURLToPath(new URL(".data", checkout)), "bench");
  const closing: (() => Promise<unknown> | void)[] = [() => folder.release()];
  try {
    const directory = `${folder.directory}/${Date.now().toString(36)}`;
    closing.push(() => Deno.remove(directory, { recursive: true }));
    const cluster = await startCluster({ directory: `${directory}/kafka`, ports: [0] });
    closing.push(() => cluster.stop());
    signal.throwIfAborted();
    const env = {
      ...accessVariables([cluster.bootstrap]),
      TOPIC_PREFIX: "",
      DATA_DIR: directory,
      DATABASE_URL: "",
      PARTITIONS: String(DEFAULT_PARTITIONS),
      SEED_STOCK: String(10 * options.orders),
      ...options.env,
    };
    for (const task of ["topics", "seed"]) await runTask(checkout, task, { env, signal });
    const names = new Names("");
    const access = { brokers: cluster.nodes.map(({ bootstrap }) => bootstrap) };
    const kafka = createClient(access, `bench-${Deno.pid}`);
    const onNotice = () => {};
    const services = new Pipeline({
      directory,
      env: { ...env, ...TRACE_GARBAGE },
      onNotice,
      project: checkout,
    });
    closing.push(() => services.stop());
    const counter = followOutcomes({ access, kafka }, { names, onNotice, ...options });
    closing.push(() => counter.stop());
    let seed = 0;
    const { tally } = counter;
    return await work({
      cluster,
      kafka,
      names,
      services,
      tally,
      startSimulator(orders) {
        counter.reset();
        const logFile = services.logFile("simulator");
        return startSimulator({ ...orders, seed: ++seed }, { env, logFile, project: checkout });
      },
      async settle(simulator, on) {
        const watch = { ...on, tally, signal, onNotice };
        await settleOrders(simulator, { kafka, names, pipeline: services, ...watch });
        signal.throwIfAborted();
        const open = simulator.acknowledged - tally().settled;
        if (open > 0) throw new Failure(`${plural(open, "order")} got no outcome`);
      },
    });
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}
