/** What a kind of fault is: how it is drawn, what it does, and how it reads. */
import { formatDuration } from "../../runtime/format.ts";
import type { Processor } from "../../topology.ts";
import type { Random } from "../random.ts";
import type { Stage } from "./stage.ts";

/** What there is to break. */
export interface Surroundings {
  readonly brokers: number;
  /** Of each order topic, at first. */
  readonly partitions: number;
  /** Of each service. */
  readonly replicas: number;
  /** All faults end before it. */
  readonly horizonMs: number;
  /** Names on the cluster. */
  readonly topics: readonly string[];
  readonly services: readonly Processor[];
  /** Processes that ask brokers but are no replicas, such as the order source. */
  readonly others: readonly string[];
}

/** `forMs`, `byMs` and `count` are what a shrinker may make smaller, in any kind. */
export interface Parameters {
  readonly forMs?: number;
  readonly byMs?: number;
  readonly count?: number;
}

export interface Kind<P> {
  /** How often it is drawn, among all that are on. */
  readonly weight: number;
  /** Undefined where there is nothing of that kind to break. */
  draw(random: Random, around: Surroundings): P | undefined;
  /** Lets it happen now, and sets its own end. */
  begin(fault: P, stage: Stage): void;
  /** As a clause: `payment-2 is frozen for 12 s`. */
  describe(fault: P): string;
}

/** Any replica that runs from the start. */
export function pickReplica(random: Random, { services, replicas }: Surroundings): string {
  return `${random.pick(services)}-${1 + random.int(replicas)}`;
}

export function pickNode(random: Random, { brokers }: Surroundings): number {
  return 1 + random.int(brokers);
}

/** As many short ones as long ones: from `min` to `max`, each factor as likely as the other. */
export function logUniform(random: Random, min: number, max: number): number {
  return Math.round(min * (max / min) ** random.next());
}

/** Shorter and longer than every time-out: requests', sessions', transactions'. */
export const OUTAGE_MS = { min: 50, max: 40_000 };

export function outage(random: Random): number {
  return logUniform(random, OUTAGE_MS.min, OUTAGE_MS.max);
}

export function lasting(forMs: number): string {
  return `for ${formatDuration(forMs)}`;
}
