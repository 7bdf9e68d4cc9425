/** What a kind of fault is: how it is drawn, what it does, and how it reads. */
import { formatDuration } from "../../runtime/format.ts";
import type { Api } from "../cluster/requests.ts";
import type { Random } from "../random.ts";
import type { SimulatedService } from "../services.ts";
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
  readonly services: readonly SimulatedService[];
  /** Processes that ask brokers but are no replicas, such as the order source. */
  readonly others: readonly string[];
  readonly victim?: Victim | undefined;
}

/** What faults that belong together hit, most of them: alone each would be survived. */
export interface Victim {
  readonly replica: string;
  readonly node: number;
  readonly partition: number;
  readonly api: Api;
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
export function pickReplica(random: Random, around: Surroundings): string {
  const { services, replicas, victim } = around;
  if (victim && random.chance(VICTIM_SHARE)) return victim.replica;
  return `${random.pick(services)}-${1 + random.int(replicas)}`;
}

/** A replica, or all of a service. */
export function asker(random: Random, around: Surroundings): string {
  return random.chance(0.7) ? pickReplica(random, around) : random.pick(around.services);
}

export function pickNode(random: Random, { brokers, victim }: Surroundings): number {
  return victim && random.chance(VICTIM_SHARE) ? victim.node : 1 + random.int(brokers);
}

export function pickPartition(random: Random, { partitions, victim }: Surroundings): number {
  return victim && random.chance(VICTIM_SHARE) ? victim.partition : random.int(partitions);
}

/** The others hit what is beside it: its peers, other brokers. */
const VICTIM_SHARE = 0.7;

/** As many short ones as long ones: from `min` to `max`, each factor as likely as the other. */
export function logUniform(random: Random, min: number, max: number): number {
  return Math.round(min * (max / min) ** random.next());
}

/** Shorter and longer than every time-out: requests', sessions', transactions'. */
export const OUTAGE_MS = { min: 50, max: 40_000 };

/** Of clusters (a broker's session), of groups and transactions, of requests. */
const TIME_OUTS_MS = [3_000, 10_000, 15_000];

/** Any; or a little more than a time-out, or less: others have just begun to act then. */
export function outage(random: Random): number {
  if (random.chance(0.7)) return logUniform(random, OUTAGE_MS.min, OUTAGE_MS.max);
  return Math.round(random.pick(TIME_OUTS_MS) * random.between(0.9, 1.4));
}

/** A phase in which answers still come, mostly in time. */
export function slowness(random: Random): number {
  return logUniform(random, 5, 5_000);
}

export function lasting(forMs: number): string {
  return `for ${formatDuration(forMs)}`;
}
