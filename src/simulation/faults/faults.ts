/**
 * The faults of a schedule: plain data that can be printed, left out one by one, and run again. A new kind
 * is an entry in one of the tables that this joins.
 */
import { formatCount } from "../../runtime/format.ts";
import type { Random } from "../random.ts";
import { inputsOf } from "../services.ts";
import { BROKER_KINDS, type BrokerKinds } from "./broker_kinds.ts";
import {
  type Kind,
  type Parameters,
  pickNode,
  pickPartition,
  pickReplica,
  type Surroundings,
} from "./fault.ts";
import { PROCESS_KINDS, type ProcessKinds } from "./process_kinds.ts";
import { APIS, REQUEST_KINDS, type RequestKinds } from "./request_kinds.ts";
import type { Stage } from "./stage.ts";

type Kinds = RequestKinds & ProcessKinds & BrokerKinds;
export type FaultKind = keyof Kinds;
export type Fault = {
  [K in FaultKind]: { readonly kind: K; readonly atMs: number } & Kinds[K];
}[FaultKind];

const KINDS = { ...REQUEST_KINDS, ...PROCESS_KINDS, ...BROKER_KINDS };
export const FAULT_KINDS = Object.keys(KINDS) as FaultKind[];

/** Without what each kind takes: callers keep fault and kind together. */
function kindOf(kind: FaultKind): Kind<object> {
  return KINDS[kind] as Kind<object>;
}

/** Lets a fault happen now; it ends by itself. */
export function begin(fault: Fault, stage: Stage): void {
  kindOf(fault.kind).begin(fault, stage);
}

/** One line: `2,140 ms  payment-2 is frozen for 12 s`. */
export function describe(fault: Fault): string {
  return `${atText(fault.atMs)}  ${clause(fault)}`;
}

/** Without its time: `payment-2 is frozen for 12 s`. */
export function clause(fault: Fault): string {
  return kindOf(fault.kind).describe(fault);
}

/** A time in the schedule, aligned: ` 2,140 ms`. */
export function atText(atMs: number): string {
  return `${formatCount(Math.floor(atMs)).padStart(7)} ms`;
}

/** Faults that come together find what single ones do not: within a moment, or within a time-out. */
const BURST = { most: 5, meansMs: [10, 100, 1_000, 4_000] };
/** Nothing begins in the last part, so that all can end. */
const LAST_BEGIN = 0.9;

/**
 * Faults in the order of their time. Each schedule has a few kinds only, drawn anew (swarm testing): where
 * all are on, common ones hide what rare ones would show together. Some have none at all, some many of one.
 *
 * @param intensity how many there are on average, about
 */
export function drawSchedule(
  random: Random,
  around: Surroundings,
  intensity: number,
): Fault[] {
  if (random.chance(0.03)) return [];
  const share = random.pick([0.15, 0.3, 0.5, 0.8]);
  const on = random.chance(0.1)
    ? [random.pick(FAULT_KINDS)]
    : FAULT_KINDS.filter(() => random.chance(share));
  const faults: Fault[] = [];
  const most = on.length === 0 ? 0 : Math.ceil(random.exponential(intensity));
  // In some schedules all is about one victim.
  const weak = random.chance(0.3) ? nearVictim(random, around) : undefined;
  for (let drawn = 0; drawn < most;) {
    const atMs = random.next() * around.horizonMs * LAST_BEGIN;
    const count = random.chance(0.4) ? 1 + random.int(BURST.most) : 1;
    drawn += count;
    // Together at one victim, or each somewhere.
    const near = weak ?? (count > 1 && random.chance(0.7) ? nearVictim(random, around) : around);
    const meanMs = random.pick(BURST.meansMs);
    for (let i = 0; i < count; i++) {
      const delayMs = i === 0 ? 0 : random.exponential(meanMs);
      const beginMs = Math.floor(Math.min(atMs + delayMs, around.horizonMs * LAST_BEGIN));
      const fault = drawFault(random, near, on, beginMs);
      if (fault) faults.push(fault);
    }
  }
  if (random.chance(CHURN_SHARE)) faults.push(...drawChurn(random, around));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

const CHURN_SHARE = 0.25;
const ILL: readonly FaultKind[] = [
  "broker cut off",
  "broker frozen",
  "broker slow",
  "markers late",
  "metadata stale",
  "zone cut off",
];
const COMING_AND_GOING: readonly FaultKind[] = [
  "rolling restart",
  "rolling restart",
  "replica removed",
  "replica added",
  "replica killed",
  "group rebalances",
];

/** Replicas come and go, again and again, while a broker is not well: who is new asks, and what it hears is old. */
function drawChurn(random: Random, around: Surroundings): Fault[] {
  const { horizonMs } = around;
  const beginMs = Math.floor(0.3 * random.next() * horizonMs);
  const forMs = Math.floor(random.between(0.3, 0.6) * horizonMs);
  const ill = drawFault(random, around, [random.pick(ILL)], beginMs);
  if (!ill) return [];
  const kind = random.pick(COMING_AND_GOING);
  const everyMs = random.between(300, 3_000);
  const faults: Fault[] = [{ ...ill, forMs } as Fault];
  for (let atMs = beginMs + everyMs; atMs < beginMs + forMs; atMs += everyMs) {
    const fault = drawFault(random, around, [kind], Math.floor(atMs));
    if (fault) faults.push(shortened(fault, everyMs));
  }
  return faults;
}

/** So that the next one finds it done. */
function shortened(fault: Fault, mostMs: number): Fault {
  const { forMs } = fault as Parameters;
  if (forMs === undefined || forMs < mostMs) return fault;
  return { ...fault, forMs: Math.ceil(mostMs) } as Fault;
}

/** A replica, and what it works with: its service's topics, one broker, one partition, one kind of request. */
function nearVictim(random: Random, around: Surroundings): Surroundings {
  const service = random.pick(around.services);
  const near = { ...around, services: [service], topics: inputsOf(service) };
  const victim = {
    replica: pickReplica(random, near),
    node: pickNode(random, near),
    partition: pickPartition(random, near),
    api: random.pick(APIS),
  };
  return { ...near, victim };
}

function drawFault(
  random: Random,
  around: Surroundings,
  on: readonly FaultKind[],
  atMs: number,
): Fault | undefined {
  const kind = weighted(random, on);
  const parameters = kindOf(kind).draw(random, around);
  if (!parameters) return undefined;
  const { forMs } = parameters as Parameters;
  return {
    kind,
    atMs,
    ...parameters,
    ...forMs !== undefined && { forMs: Math.min(forMs, around.horizonMs - atMs) },
  } as Fault;
}

function weighted(random: Random, kinds: readonly FaultKind[]): FaultKind {
  const sum = kinds.reduce((all, kind) => all + kindOf(kind).weight, 0);
  let at = random.next() * sum;
  return kinds.find((kind) => (at -= kindOf(kind).weight) < 0) ?? kinds.at(-1)!;
}

/** The same fault, weaker: half as long, half as late, half as often. Empty where it is small already. */
export function weaker(fault: Fault): Fault[] {
  const { forMs, byMs, count } = fault as Parameters;
  return [
    ...forMs !== undefined && forMs > 100 ? [{ ...fault, forMs: Math.round(forMs / 2) }] : [],
    ...byMs !== undefined && Math.abs(byMs) > 100 ? [{ ...fault, byMs: Math.round(byMs / 2) }] : [],
    ...count !== undefined && count > 1 ? [{ ...fault, count: Math.floor(count / 2) }] : [],
  ] as Fault[];
}
