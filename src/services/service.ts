/**
 * What a service is: its name in the topology, its tables, its settings and its handlers. All else is
 * the same for every service, and is done here: settings, logs, databases, health, metrics, and the
 * loop that consumes, transforms and produces.
 *
 * See docs/write-a-service.md.
 */
import type { Registry } from "prom-client";
import type { Database, Table } from "../database/database.ts";
import type { Migration, VersionedTables } from "../database/migrations.ts";
import { openDatabase, whenAvailable } from "../database/open.ts";
import { positions } from "../database/positions.ts";
import { placeOf } from "../database/settings.ts";
import { cloudEventSourceOf } from "../events/cloud_events.ts";
import type { OrderEvent } from "../events/schemas.ts";
import { accessChecks, kafkaAccess } from "../kafka/access.ts";
import { createProcessorMetrics, startAtZero } from "../kafka/metrics.ts";
import type { EventOf, Handler } from "../kafka/processor/handler.ts";
import { createProcessor } from "../kafka/processor/processor.ts";
import { MAX_TURN, type ProcessorOptions } from "../kafka/processor/options.ts";
import { openTracing } from "../kafka/tracing/open.ts";
import type { Tracing } from "../kafka/tracing/tracing.ts";
import { runProgram } from "../program.ts";
import { type HttpServer, startHttp } from "../runtime/http.ts";
import type { Logger } from "../runtime/log.ts";
import type { Config, Settings } from "../runtime/setting.ts";
import {
  deadLetterTopicOf,
  type EventTypeOf,
  Names,
  type Processor,
  type Topic,
  topicOf,
  type TopicReadBy,
  topicsReadBy,
  writerOf,
} from "../topology.ts";
import { createRegistry } from "./metrics.ts";
import { processorSettings } from "./settings.ts";

/** The handlers that the topology asks of a service: one a topic that it reads, and no other. */
export type HandlersOf<P extends Processor> =
  & { readonly [T in TopicReadBy<P>]: Handler<EventOf<T>, EventBy<P>> }
  & { readonly [T in Exclude<Topic, TopicReadBy<P>>]?: never };

/** The events that a service writes. */
type EventBy<P extends Processor> = Extract<OrderEvent, { type: EventTypeOf<P> }>;

interface TableSet {
  /** With a row an order that was worked on; the key is the order's id. A trace shows them. */
  readonly orderTables?: readonly Table[];
  /** All others. */
  readonly tables?: readonly Table[];
  /** How they changed since they were first released: see docs/migrations.md. */
  readonly migrations?: readonly Migration[];
}

/** A further database of a service. */
interface FurtherDatabase<C> extends TableSet {
  /** Whether a service with these settings opens it (default: always). */
  readonly isNeeded?: (config: C) => boolean;
}

/** What handlers are made from. */
export interface ServiceContext<S extends Settings = Settings, D extends string = string> {
  /** The service's own. */
  readonly database: Database;
  /** Those that are needed. */
  readonly databases: { readonly [N in D]: Database };
  readonly config: Config<typeof processorSettings & S>;
  /** The clock, epoch milliseconds. */
  readonly now: () => number;
  readonly log: Pick<Logger, "info" | "warn">;
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined;
}

interface Definition<P extends Processor, S extends Settings, D extends string> extends TableSet {
  /** Its name in the topology: also its consumer group, its folder, its task and its database. */
  readonly name: P;
  readonly orderTables: readonly Table[];
  /** Further databases that it opens, by their owner's name. */
  readonly databases?: { readonly [N in D]: FurtherDatabase<Config<S>> };
  /** Its own, beside those of every service. */
  readonly settings?: S;
  /** Relations between settings; each returns a fault, or undefined. */
  readonly checks?: readonly ((config: Config<S>) => string | undefined)[];
  /** Waits for what must be there before the first order is read. */
  readonly ready?: (
    context: ServiceContext<S, D>,
    signal: AbortSignal,
    onWait: (reason: string) => void,
  ) => Promise<void>;
  readonly handlers: (context: ServiceContext<S, D>) => HandlersOf<P>;
}

type Handlers = { readonly [T in Topic]?: Handler };

/** A service as all see it that run, test or show any of them. */
export interface DefinedService {
  readonly name: Processor;
  readonly orderTables: readonly Table[];
  readonly tables: readonly Table[];
  readonly migrations: readonly Migration[];
  readonly databases: Readonly<Record<string, FurtherDatabase<Config<Settings>>>>;
  readonly settings: typeof processorSettings & Settings;
  readonly checks: readonly ((config: Config<Settings>) => string | undefined)[];
  readonly ready: (
    context: ServiceContext,
    signal: AbortSignal,
    onWait: (reason: string) => void,
  ) => Promise<void>;
  /** @throws {TypeError} they are not those that the topology asks for */
  readonly handlers: (context: ServiceContext) => Handlers;
}

/**
 * Defines a service. A handler that is missing, superfluous, or returns an event that the topology does
 * not let the service write, does not compile.
 */
export function defineService<
  const P extends Processor,
  S extends Settings = Record<never, never>,
  D extends string = never,
>(definition: Definition<P, S, D>): DefinedService {
  // From here on it is one service among others, whose own settings and databases have no types.
  const service = definition as unknown as Partial<DefinedService> & Definition<P, S, D>;
  const { name, orderTables, tables = [], migrations = [], checks = [] } = service;
  const handlers = service.handlers as unknown as DefinedService["handlers"];
  return {
    name,
    orderTables,
    tables,
    migrations,
    databases: (service.databases ?? {}) as DefinedService["databases"],
    settings: { ...processorSettings, ...definition.settings },
    checks: checks as DefinedService["checks"],
    ready: (service.ready as DefinedService["ready"] | undefined) ?? (() => Promise.resolve()),
    handlers: (context) => checkedHandlers(name, handlers(context)),
  };
}

interface ServiceDatabase extends VersionedTables {
  readonly orderTables: readonly Table[];
  readonly isNeeded: (config: Config<Settings>) => boolean;
}

/** The databases of a service, its own first, with all their tables. */
export function databasesOf(
  { name, orderTables, tables, migrations, databases }: DefinedService,
): ServiceDatabase[] {
  const own = { orderTables, tables, migrations };
  return Object.entries<DefinedService["databases"][string]>({ [name]: own, ...databases })
    .map(([owner, { orderTables = [], tables = [], migrations, isNeeded = () => true }]) => ({
      owner,
      tables: [...orderTables, ...tables],
      migrations,
      orderTables,
      isNeeded,
    }));
}

/** What types cannot see, such as handlers that came through an `any`, is a clear error at run time. */
function checkedHandlers(service: Processor, handlers: Handlers): Handlers {
  const reads = topicsReadBy(service);
  const missing = reads.filter((topic) => handlers[topic] === undefined);
  if (missing.length > 0) {
    throw new TypeError(`${service} has no handler for ${missing.join(", ")}, which it reads`);
  }
  const superfluous = Object.keys(handlers).filter((topic) => !reads.includes(topic as Topic));
  if (superfluous.length > 0) {
    throw new TypeError(
      `${service} has a handler for ${superfluous.join(", ")}, but the topology does not let it ` +
        `read that: see src/topology.ts`,
    );
  }
  return Object.fromEntries(reads.map((topic): [Topic, Handler] => [topic, async (batch) => {
    const result = await handlers[topic]!(batch);
    for (const { type } of result.events) {
      if (writerOf(type) === service) continue;
      throw new TypeError(
        `${service} returned ${type} for ${topic}, but only ${writerOf(type)} writes that to ` +
          `${topicOf(type)}: see src/topology.ts`,
      );
    }
    return result;
  }]));
}

/**
 * Runs a service until it is told to stop.
 *
 * @returns the exit code of its process: 0, 1 after a failure, 2 for a faulty configuration
 */
export function runService(service: DefinedService): Promise<number> {
  const { name, settings, checks } = service;
  return runProgram({
    name,
    isService: true,
    settings,
    checks: [...accessChecks, ...checks],
    async run({ config, log, signal }) {
      await using opened = new AsyncDisposableStack();
      // Before all else: a start may wait long, for a database or a migration.
      const health = startHealth(name, config, signal);
      opened.defer(() => health.http.close());
      log.info(`${config.guarantee}; health and metrics at ${health.http.url}`);
      const onWait = (reason: string) => {
        health.notReady = () => reason;
        log.warn(reason);
      };
      const note = (line: string) => {
        health.notReady = () => line;
        log.info(line);
      };
      const place = placeOf(config);
      const names = new Names(config.topicPrefix);
      const databases: Record<string, Database> = {};
      for (const { owner, tables, migrations, isNeeded } of databasesOf(service)) {
        if (!isNeeded(config)) continue;
        const all = owner === name ? [...tables, positions] : tables;
        const open = () => openDatabase({ ...place, owner, tables: all, migrations, note });
        const database = await whenAvailable(open, signal, onWait);
        if (!database) return;
        opened.defer(() => database.close());
        databases[owner] = database;
      }
      const own = databases[name]!;
      const tracing = await openTracing(config, {
        clientId: clientIdOf(name, config),
        group: names.group(name),
        deadLetters: names.topic(deadLetterTopicOf(name)),
      });
      const context = {
        database: tracing?.database(own, name, place) ?? own,
        databases,
        config,
        now: Date.now,
        log,
        tracing,
      };
      await service.ready(context, signal, onWait);
      await serve(service, context, health, log, signal);
    },
  });
}

interface Health {
  readonly http: HttpServer;
  readonly registry: Registry;
  /** May change as often as one likes. */
  notReady: () => string | undefined;
}

function startHealth(
  service: Processor,
  { httpHost: hostname, httpPort: port, allowedHosts }: ServiceContext["config"],
  signal: AbortSignal,
): Health {
  const registry = createRegistry(service);
  const health = { registry, notReady: (): string | undefined => "starting" };
  const notReady = () => signal.aborted ? "stopping" : health.notReady();
  const http = startHttp({ hostname, allowedHosts, port, metrics: registry, notReady });
  return Object.assign(health, { http });
}

/** The loop with its handlers, until `signal` aborts. */
async function serve(
  { name, orderTables, handlers }: DefinedService,
  context: ServiceContext,
  health: Health,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { config, database, tracing } = context;
  const made = handlers(context);
  const processor = createProcessor({
    ...config,
    access: kafkaAccess(config),
    clientId: clientIdOf(name, config),
    service: name,
    names: new Names(config.topicPrefix),
    cloudEventSource: cloudEventSourceOf(name, config),
    handlers: (tracing?.handlers(made) ?? made) as ProcessorOptions["handlers"],
    tables: { database, work: orderTables },
    // PostgreSQL's answers take longer than a turn: there it would only make more transactions.
    maxTurn: config.databaseUrl ? undefined : MAX_TURN,
    log,
    metrics: startAtZero(createProcessorMetrics(health.registry), name),
    tracing,
  });
  health.notReady = () => processor.notReady();
  await processor.run(signal);
  log.info("stopped");
}

/** The name of this process among the members of its group. */
function clientIdOf(service: Processor, { memberName }: ServiceContext["config"]): string {
  return memberName || `${service}-${Deno.pid}`;
}
