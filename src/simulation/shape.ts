/** How large a simulated pipeline is. */
import type { Guarantee } from "../kafka/processor/options.ts";
import type { Random } from "./random.ts";

export interface Shape {
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

/** What of a shape is not left to the seed. */
export interface ShapeOptions {
  readonly orders?: number | undefined;
  readonly brokers?: 1 | 3 | undefined;
}

/** The longest is longer than several sessions last, one after the other; transactions may last longer. */
const HORIZONS_MS = [5_000, 12_000, 25_000, 40_000];

const ORDERS = 20;
/** Mostly as by default; else so short that Kafka ends some. */
const TRANSACTION_TIMEOUTS_MS = [6_000, 60_000, 60_000];

/** A few schedules are long, in small steps: what is wrong once in many transactions shows in them. */
const LONG = { share: 0.04, least: 5, most: 15 };

/** Which part of the schedules runs at least once. */
const AT_LEAST_ONCE = 0.1;

export function drawShape(random: Random, { orders, brokers }: ShapeOptions): Shape {
  // Always drawn, so that the rest stays the same where they are given.
  const drawnBrokers = random.chance(0.7) ? 3 : 1;
  const horizonMs = random.pick(HORIZONS_MS);
  const isLong = random.chance(LONG.share);
  const partitions = random.pick([1, 2, 2, 3]);
  const replicas = random.pick([1, 2, 2, 3]);
  const drawnOrders = isLong ? Math.ceil(ORDERS * random.between(LONG.least, LONG.most)) : ORDERS;
  return {
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
}
