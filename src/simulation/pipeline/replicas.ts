/** The replicas of the services: real handlers on the real loop, each in a process of its own. */
import { Registry } from "prom-client";
import type { Database } from "../../database/database.ts";
import { positions } from "../../database/positions.ts";
import { createProcessorMetrics } from "../../kafka/metrics.ts";
import { createProcessor } from "../../kafka/processor/processor.ts";
import type { ProcessorOptions } from "../../kafka/processor/options.ts";
import { readConfig } from "../../runtime/config.ts";
import type { Logger } from "../../runtime/log.ts";
import { serviceDefinitions } from "../../services/definitions.ts";
import { databasesOf, type DefinedService, type ServiceContext } from "../../services/service.ts";
import { Names, type Processor } from "../../topology.ts";
import { createSimulatedClient } from "../client/client.ts";
import type { Network } from "../client/network.ts";
import type { SimulatedDatabases } from "../databases/databases.ts";
import type { SimulatedProcess } from "../process.ts";
import { COPIED, COPIER, type SimulatedService } from "../services.ts";
import type { VirtualTime } from "../time.ts";
import { COPIER_OPTIONS, CopierNames } from "./copier.ts";

/** What is read once for all schedules of a realm. */
const SERVICES = new Map(
  (await serviceDefinitions()).map((service) => [service.name, {
    service,
    databases: databasesOf(service),
    config: defaultsOf(service),
  }]),
);

function defaultsOf({ settings: all }: DefinedService) {
  // Checks that it may be written to.
  const { dataDir: _, ...settings } = all;
  const readFile = (path: string): string => {
    throw new Deno.errors.NotFound(path);
  };
  const sources = { args: [], env: () => undefined, readFile };
  return { ...readConfig(settings, { sources }).config, dataDir: "" };
}

/** Settings that a schedule has of its own. */
type OwnSetting = "guarantee" | "maxBatch" | "transactionTimeoutMs";
export type ReplicaSettings = Pick<ServiceContext["config"], OwnSetting> & {
  /** Of the payment gateway. */
  readonly gateway: Readonly<Record<string, number>>;
};

export interface Surroundings {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly databases: SimulatedDatabases;
  readonly settings: ReplicaSettings;
  readonly trace: ((line: string) => void) | undefined;
  /** Told when a replica ends by an error, which it never should. */
  readonly onFailure: (name: string, error: unknown) => void;
}

/** As a supervisor does with a process that ended, or does not stop. */
const RESTART_MS = 1_000;
const STOP_LIMIT_MS = 30_000;

interface Replica {
  readonly process: SimulatedProcess;
  readonly controller: AbortController;
  /** Why it is not ready; undefined when it is. */
  notReady: () => string | undefined;
}

export class Replicas {
  readonly #running = new Map<string, Replica>();
  /** Those that are to run. */
  readonly #wanted = new Set<string>();
  /** By name; the last one of those that do not run. */
  readonly #transactionalIds = new Map<string, string>();

  constructor(private readonly around: Surroundings) {}

  /** By name, such as `payment-2`; none if it does not run. */
  processOf(name: string): SimulatedProcess | undefined {
    return this.#running.get(name)?.process;
  }

  /** That of its producer; none if it never had one. */
  transactionalIdOf(name: string): string | undefined {
    return this.#transactionalIds.get(name);
  }

  /** Why each is not ready that is to run. */
  notReady(): string[] {
    return [...this.#wanted].flatMap((name) => {
      const replica = this.#running.get(name);
      const reason = replica ? replica.notReady() : "does not run";
      return reason === undefined ? [] : [`${name}: ${reason}`];
    });
  }

  start(name: string): void {
    this.#wanted.add(name);
    if (this.#running.has(name)) return;
    const { time, onFailure, trace } = this.around;
    trace?.(`${name} starts`);
    const process = time.process(name);
    const controller = new AbortController();
    const replica = { process, controller, notReady: () => "starting" };
    this.#running.set(name, replica);
    const service = name.slice(0, name.lastIndexOf("-")) as SimulatedService;
    const onId = (id: string) => this.#transactionalIds.set(name, id);
    process.run(() => runReplica(service, replica, this.around, onId)).then(
      () => this.#ended(name, replica),
      (error) => {
        onFailure(name, error);
        this.#ended(name, replica);
      },
    );
  }

  kill(name: string): void {
    this.#wanted.delete(name);
    const replica = this.#running.get(name);
    if (replica) this.#ended(name, replica);
  }

  stop(name: string): void {
    this.#wanted.delete(name);
    const replica = this.#running.get(name);
    if (!replica || replica.controller.signal.aborted) return;
    const { time } = this.around;
    time.deliver(replica.process, 0, () => replica.controller.abort());
    time.at(STOP_LIMIT_MS, () => this.#ended(name, replica));
  }

  freeze(name: string): void {
    this.#running.get(name)?.process.freeze();
  }

  thaw(name: string): void {
    this.#running.get(name)?.process.thaw();
  }

  jumpClock(name: string, byMs: number): void {
    this.#running.get(name)?.process.jump(byMs);
  }

  #ended(name: string, replica: Replica): void {
    if (this.#running.get(name) !== replica) return;
    this.around.trace?.(`${name} ends`);
    this.#running.delete(name);
    replica.process.kill();
    const { databases, time } = this.around;
    databases.killed(replica.process);
    if (this.#wanted.has(name)) {
      time.at(RESTART_MS, () => this.#wanted.has(name) && this.start(name));
    }
  }
}

/** As runService does, without what a process has beside it: health, metrics, migrations. */
async function runReplica(
  service: SimulatedService,
  replica: Replica,
  around: Surroundings,
  onId: (transactionalId: string) => void,
): Promise<void> {
  const { process, controller: { signal } } = replica;
  const { network, settings, trace } = around;
  const log = trace ? loggerOf(process, trace) : SILENT;
  const own: OwnOptions = service === COPIER
    ? { ...SERVICES.get(COPIED)!.config, ...settings, ...COPIER_OPTIONS }
    : await prepare(service, process, around, log, signal);
  if (signal.aborted) return;
  const processor = createProcessor({
    ...own,
    access: { brokers: [] },
    clientId: process.name,
    names: noting(service === COPIER ? new CopierNames() : new Names(), onId),
    log,
    metrics: METRICS,
  }, createSimulatedClient(process, network));
  replica.notReady = () => processor.notReady();
  await processor.run(signal);
}

/** So that a fetch takes several turns, as a large one does. */
const FEW_MESSAGES = 3;

type OwnOptions = Omit<ProcessorOptions, "access" | "clientId" | "names" | "log" | "metrics">;

/** Opens the databases of a service, and waits until it can begin. */
async function prepare(
  name: Processor,
  process: SimulatedProcess,
  { databases: all, settings }: Surroundings,
  log: Logger,
  signal: AbortSignal,
): Promise<OwnOptions> {
  const { service, config: defaults, databases: declared } = SERVICES.get(name)!;
  const config = { ...defaults, ...settings, ...settings.gateway };
  const databases: Record<string, Database> = {};
  for (const { owner, tables } of declared) {
    databases[owner] = all.open(process, owner, owner === name ? [...tables, positions] : tables);
  }
  const database = databases[name]!;
  const context = { database, databases, config, now: () => Date.now(), log };
  await service.ready(context, signal, (reason) => log.warn(reason));
  return {
    ...config,
    service: name,
    handlers: service.handlers(context) as ProcessorOptions["handlers"],
    maxTurn: FEW_MESSAGES,
    tables: { database, work: service.orderTables },
  };
}

/** The same names; told of the transactional id that is made. */
function noting(names: Names, onId: (transactionalId: string) => void): Names {
  const memberTransactionalId: Names["memberTransactionalId"] = (service) => {
    const id = names.memberTransactionalId(service);
    onId(id);
    return id;
  };
  return Object.assign(Object.create(names), { memberTransactionalId });
}

/** What nobody reads costs nothing. */
const METRICS = Object.fromEntries(
  Object.keys(createProcessorMetrics(new Registry())).map((name) => [name, {
    inc() {},
    dec() {},
    set() {},
    observe() {},
    remove() {},
    reset() {},
    startTimer: () => () => 0,
  }]),
) as unknown as ProcessorOptions["metrics"];

const LEVELS = ["trace", "debug", "info", "warn", "warning", "error", "fatal"];

function loggerWith(write: (line: unknown) => void): Logger {
  return Object.fromEntries(LEVELS.map((level) => [level, write])) as unknown as Logger;
}

const SILENT = loggerWith(() => {});

function loggerOf({ name }: SimulatedProcess, trace: (line: string) => void): Logger {
  return loggerWith((line) => trace(`${name}: ${line}`));
}
