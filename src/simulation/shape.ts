/** How large a simulated pipeline is. */
import type { Guarantee } from "../kafka/processor/options.ts";
import { PROCESSORS } from "../topology.ts";
import type { Random } from "./random.ts";
import { COPIER, type SimulatedService } from "./services.ts";

export interface Shape {
  /** Those of the topology; or the copier alone, which all faults hit then. */
  readonly services: readonly SimulatedService[];
  readonly brokers: 1 | 3;
  /** Of each order topic. */
  readonly partitions: number;
  /** Of each service. */
  readonly replicas: number;
  readonly orders: number;
  /** Most messages in one transaction. */
  readonly maxBatch: number;
  readonly guarantee: Guarantee;
  /** How long a transaction may stay open. */
  readonly transactionTimeoutMs: number;
  /** Orders are placed until then, evenly; 0: all at once. */
  readonly placedForMs: number;
  /** All faults have ended by then. */
  readonly horizonMs: number;
}

export const RUNS = ["pipeline", "copier"] as const;
export type Run = typeof RUNS[number];

/** What of a shape is not left to the seed. */
export interface ShapeOptions {
  readonly orders?: number | undefined;
  readonly brokers?: 1 | 3 | undefined;
  /** The copier, or the services of the topology. */
  readonly run?: Run | undefined;
}

/** The longest is longer than several sessions last, one after the other; transactions may last longer. */
const HORIZONS_MS = [5_000, 12_000, 25_000, 40_000];

const ORDERS = 20;
/** Mostly as by default; else so short that Kafka ends some. */
const TRANSACTION_TIMEOUTS_MS = [6_000, 60_000, 60_000];

/** A few schedules are long, in small steps: what is wrong once in many transactions shows in them. */
const LONG = { share: 0.04, least: 5, most: 15 };

/**
 * In some schedules nobody can wait for Kafka to end a transaction: where its owner is dead, the next owner
 * has to.
 */
const ENDLESS = { share: 0.25, transactionTimeoutMs: 900_000 };

/** In which part of the schedules the copier runs: they cost little. */
const COPIER_SHARE = 0.4;
/**
 * A member that was killed leaves its transaction open, and no table says whose it was: all wait for its
 * time-out. The longer one outlasts a session: a member that was given up may still commit.
 */
const COPIER_TIMEOUTS_MS = [6_000, 15_000, 15_000];

/** Which part of the schedules runs at least once. */
const AT_LEAST_ONCE = 0.1;

export function drawShape(random: Random, { orders, brokers, run }: ShapeOptions): Shape {
  // Always drawn, so that the rest stays the same where they are given.
  const drawnBrokers = random.chance(0.7) ? 3 : 1;
  const horizonMs = random.pick(HORIZONS_MS);
  const isLong = random.chance(LONG.share);
  const partitions = random.pick([1, 2, 2, 3]);
  const replicas = random.pick([1, 2, 2, 3]);
  const drawnOrders = isLong ? Math.ceil(ORDERS * random.between(LONG.least, LONG.most)) : ORDERS;
  const shape: Shape = {
    services: PROCESSORS,
    brokers: brokers ?? drawnBrokers,
    partitions,
    replicas,
    orders: orders ?? drawnOrders,
    maxBatch: isLong ? 1 : random.pick([1, 3, 10, 1_000]),
    guarantee: random.chance(AT_LEAST_ONCE) ? "at_least_once" : "exactly_once",
    placedForMs: random.pick([0, 1_000, 0.5 * horizonMs, 0.9 * horizonMs]),
    horizonMs,
    transactionTimeoutMs: random.pick(TRANSACTION_TIMEOUTS_MS),
  };
  const drawnRun: Run = random.chance(COPIER_SHARE) ? "copier" : "pipeline";
  if ((run ?? drawnRun) === "pipeline") {
    const { share, transactionTimeoutMs } = ENDLESS;
    return random.chance(share) ? { ...shape, transactionTimeoutMs } : shape;
  }
  return {
    ...shape,
    services: [COPIER],
    partitions: random.pick([2, 3, 4, 6]),
    // It has nothing to lose where it is alone, or done before the first fault.
    replicas: random.pick([2, 2, 3]),
    placedForMs: random.pick([0.5, 0.9]) * horizonMs,
    transactionTimeoutMs: random.pick(COPIER_TIMEOUTS_MS),
  };
}
