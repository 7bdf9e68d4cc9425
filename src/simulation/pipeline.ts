/**
 * A whole pipeline in virtual time: the four services' replicas and an order source on a simulated Kafka and
 * simulated databases, with the faults of a schedule; and what it promises, checked at its end.
 */
import { createSimulatedClient } from "./client/client.ts";
import { Network } from "./client/network.ts";
import { SimulatedKafka } from "./cluster/cluster.ts";
import { SimulatedDatabases } from "./databases/databases.ts";
import { PipelineStage } from "./pipeline/stage.ts";
import { LeftBehind, topicsOf } from "./pipeline/left_behind.ts";
import { type OrderSource, startOrderSource } from "./pipeline/order_source.ts";
import { Replicas } from "./pipeline/replicas.ts";
import { fillShop, RUN_ID } from "./pipeline/shop.ts";
import { auditedViolations } from "./promises/audit.ts";
import type { Evidence } from "./promises/evidence.ts";
import { violationsOf, violationsOfCopier } from "./promises/promises.ts";
import type { SimulatedProcess } from "./process.ts";
import { Random } from "./random.ts";
import type { PipelineOutcome, PipelineRun, Violation } from "./result.ts";
import { COPIER, COPY_TOPICS } from "./services.ts";
import type { Shape } from "./shape.ts";
import { VirtualTime } from "./time.ts";

/** After the last fault: longer than all limits of transactions, sessions and requests after each other. */
const SETTLE_LIMIT_MS = 300_000;
/** How often it looks whether all is done. */
const LOOK_EVERY_MS = 100;
const START_WITHIN_MS = 300;
/** Often enough that each order's payment may meet something. */
const GATEWAY = { declinedShare: 0.12, timeoutShare: 0.05, errorShare: 0.05, latencyMs: 5 };

/** Runs one schedule; the same again for the same seed. */
export async function runPipeline(run: PipelineRun): Promise<PipelineOutcome> {
  return (await runWithEvidence(run)).outcome;
}

/** The same, with what it left behind. */
export async function runWithEvidence(
  run: PipelineRun,
): Promise<{ readonly outcome: PipelineOutcome; readonly evidence: Evidence }> {
  const { stackTraceLimit } = Error;
  // Of the many errors that are caught, stacks would cost a fifth of all time; a traced run has them.
  if (!run.trace) Error.stackTraceLimit = 0;
  try {
    const pipeline = new Pipeline(run);
    return await pipeline.time.install(() => pipeline.run());
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The same, with what the project's audit finds where these promises find nothing: some 50 ms more. */
export async function runAudited(run: PipelineRun): Promise<PipelineOutcome> {
  const { outcome, evidence } = await runWithEvidence(run);
  // The audit takes it for granted that each event is published once.
  if (outcome.violations.length > 0 || evidence.mayRepeat || isOfCopier(run.shape)) return outcome;
  return { ...outcome, violations: await auditedViolations(evidence, RUN_ID) };
}

function isOfCopier({ services }: Shape): boolean {
  return services.includes(COPIER);
}

/** Until a process's event loop takes its next turn: now and then much is before it. */
function turnMs(random: Random): number {
  return random.chance(1 / 4) ? random.between(0, 400) : 0;
}

class Pipeline {
  readonly time: VirtualTime;
  readonly #random: Random;
  readonly #kafka: SimulatedKafka;
  readonly #network: Network;
  readonly #databases: SimulatedDatabases;
  readonly #replicas: Replicas;
  readonly #leftBehind: LeftBehind;
  readonly #violations: Violation[] = [];
  #source: OrderSource | undefined;
  readonly #sourceProcess: SimulatedProcess;
  readonly #stage: PipelineStage;
  #nextLookMs = 0;

  constructor(private readonly options: PipelineRun) {
    const { seed, shape, trace } = options;
    const random = this.#random = new Random(seed).fork("pipeline");
    const time = this.time = new VirtualTime(random.fork("processes"), undefined, turnMs);
    this.#sourceProcess = time.process("source");
    const topics = topicsOf(shape.partitions);
    const { brokers } = shape;
    this.#kafka = new SimulatedKafka(time, random.fork("kafka"), { brokers, topics });
    this.#network = new Network(time, random.fork("network"), this.#kafka);
    this.#databases = new SimulatedDatabases(time, random.fork("databases"));
    this.#leftBehind = new LeftBehind(this.#kafka, shape.partitions, shape.services);
    const traceNow = trace && ((line: string) => trace(time.now, line));
    this.#network.trace = traceNow;
    this.#replicas = new Replicas({
      time,
      network: this.#network,
      databases: this.#databases,
      settings: {
        guarantee: shape.guarantee,
        maxBatch: shape.maxBatch,
        transactionTimeoutMs: shape.transactionTimeoutMs,
        gateway: { ...GATEWAY, seed: seed >>> 0 },
      },
      trace: traceNow,
      onFailure: (name, error) => {
        const what = error instanceof Error ? error.stack ?? error.message : String(error);
        this.#violations.push({ promise: "error", what: `${name} ended: ${what}`, orders: [] });
      },
    });
    this.#stage = new PipelineStage({
      time,
      random: random.fork("stage"),
      kafka: this.#kafka,
      network: this.#network,
      databases: this.#databases,
      replicas: this.#replicas,
      leftBehind: this.#leftBehind,
      source: this.#sourceProcess,
    });
  }

  async run(): Promise<{ outcome: PipelineOutcome; evidence: Evidence }> {
    const { seed, shape, onStage, trace } = this.options;
    const { orders, placedForMs } = shape;
    fillShop(this.#databases, orders);
    onStage(this.#stage);
    for (const service of shape.services) {
      for (let number = 1; number <= shape.replicas; number++) {
        const name = `${service}-${number}`;
        this.time.at(this.#random.between(0, START_WITHIN_MS), () => this.#replicas.start(name));
      }
    }
    const process = this.#sourceProcess;
    const source = this.#source = process.run(() =>
      startOrderSource({
        seed,
        orders,
        placedForMs,
        client: createSimulatedClient(process, this.#network),
        log: (line) => trace?.(this.time.now, `source: ${line}`),
      })
    );
    const isDone = await this.time.runUntil(
      () => this.#isDone(),
      shape.horizonMs + SETTLE_LIMIT_MS,
    );
    const evidence = this.#evidence();
    if (!isDone) this.#violations.push(this.#unsettled(evidence));
    // Kafka broke its own promise: ours rest on it.
    const isSplit = this.#kafka.decisions.split.size > 0;
    if (isSplit) this.#network.met.set("half of a transaction", 1);
    const check = isOfCopier(shape) ? violationsOfCopier : violationsOf;
    const outcome = {
      violations: [...this.#violations, ...isSplit ? [] : check(evidence, isDone)],
      met: this.#network.met,
      endedMs: this.time.now,
      orders: source.placed().filter(({ acknowledged }) => acknowledged).length,
    };
    return { outcome, evidence };
  }

  /** All is placed and worked on, and no fault lasts; those that did not begin yet would find nothing to do. */
  #isDone(): boolean {
    const { now } = this.time;
    if (now < this.#nextLookMs) return false;
    this.#nextLookMs = now + LOOK_EVERY_MS;
    if (!this.#source?.isDone || now < this.#stage.lastsUntilMs) return false;
    return this.#leftBehind.isSettled;
  }

  #unsettled(evidence: Evidence): Violation {
    const lagging = evidence.ends.flatMap(({ topic, partition, messagesEnd, committed }) =>
      this.#leftBehind.readersOf(topic).filter((service) =>
        (committed.get(service) ?? 0) < messagesEnd
      )
        .map((service) => {
          const at = committed.get(service) ?? 0;
          return `${service} is at ${at} of ${messagesEnd} in ${topic} ${partition}`;
        })
    );
    const why = [
      ...this.#source?.isDone ? [] : ["not all orders are acknowledged"],
      ...lagging,
      ...this.#replicas.notReady(),
    ];
    const what = `not settled in ${SETTLE_LIMIT_MS / 1_000} s after the faults: ${why.join("; ")}`;
    return { promise: "G1", what, orders: [] };
  }

  #evidence(): Evidence {
    const ends = this.#leftBehind.ends();
    return {
      mayRepeat: this.options.shape.guarantee === "at_least_once",
      placed: this.#source?.placed() ?? [],
      records: (topic) => this.#leftBehind.records(topic),
      deadLetters: (service) => this.#leftBehind.records(`dlq.${service}`),
      copies: COPY_TOPICS.map((topic) => this.#leftBehind.records(topic)),
      rows: (owner, table) => this.#databases.rows(owner, table),
      ends,
    };
  }
}
