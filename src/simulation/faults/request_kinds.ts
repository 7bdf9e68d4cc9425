/** Faults of single requests, and of the connections that they take. */
import { formatDuration } from "../../runtime/format.ts";
import type { Random } from "../random.ts";
import { SERVICES } from "../services.ts";
import type { Api } from "../cluster/requests.ts";
import { nameOfCode } from "../client/answers.ts";
import { ERROR_ANSWERS } from "./error_answers.ts";
import {
  asker,
  type Kind,
  lasting,
  logUniform,
  outage,
  OUTAGE_MS,
  pickNode,
  pickReplica,
  type Surroundings,
} from "./fault.ts";
import type { Effect, Stage } from "./stage.ts";

/** What the next `count` requests of an API meet. */
interface Target {
  readonly api: Api;
  readonly from?: string | undefined;
  readonly count: number;
}

/** By how much a fault there can tell; a Fetch and a Heartbeat are many, and mean little each. */
const API_WEIGHTS: Readonly<Record<Api, number>> = {
  EndTxn: 10,
  Produce: 5,
  TxnOffsetCommit: 5,
  InitProducerId: 4,
  AddPartitionsToTxn: 3,
  AddOffsetsToTxn: 3,
  OffsetFetch: 3,
  JoinGroup: 2,
  SyncGroup: 2,
  Heartbeat: 2,
  OffsetCommit: 1,
  LeaveGroup: 1,
  Fetch: 2,
  FindCoordinator: 2,
  Metadata: 2,
  ListOffsets: 1,
  OffsetForLeaderEpoch: 1,
  DescribeGroups: 1,
};

export const APIS: readonly Api[] = Object.entries(API_WEIGHTS).flatMap(([api, weight]) =>
  Array<Api>(weight).fill(api as Api)
);

/** A few at once outlast the client's first repetitions. */
const COUNTS = [1, 1, 1, 1, 2, 3, 6];

function target(random: Random, around: Surroundings): Target {
  const { victim } = around;
  const api = victim && random.chance(0.6) ? victim.api : random.pick(APIS);
  const from = random.chance(victim ? 0.9 : 0.3) ? asker(random, around) : undefined;
  return { api, ...from && { from }, count: random.pick(COUNTS) };
}

/** Begins with a request, and lasts so long; or until a peer sends one, at most. */
type Phase = Target & { readonly forMs: number; readonly until?: Api };

function phase(random: Random, around: Surroundings): Phase {
  return { ...target(random, around), count: 1, forMs: outage(random) };
}

/** What a replica asks that goes on where another one was. */
const OF_SUCCESSORS: readonly Api[] = [
  "JoinGroup",
  "SyncGroup",
  "FindCoordinator",
  "OffsetFetch",
  "OffsetFetch",
  "InitProducerId",
  "InitProducerId",
  "ListOffsets",
  "Produce",
];

function untilPeer(random: Random, around: Surroundings): Phase {
  const drawn = phase(random, around);
  if (random.chance(0.5)) return drawn;
  return { ...drawn, forMs: OUTAGE_MS.max, until: random.pick(OF_SUCCESSORS) };
}

function ends({ forMs, until }: Phase): string {
  const latest = formatDuration(forMs);
  return until === undefined ? latest : `${latest}, or when another one sends ${until}`;
}

function sender({ from }: Target): string {
  if (from === undefined) return "a replica";
  return SERVICES.some((service) => service === from) ? `a replica of ${from}` : from;
}

function hit(stage: Stage, { api, from, count }: Target, effect: Effect): void {
  for (let i = 0; i < count; i++) stage.network.hit(api, from, effect);
}

function next({ api, from, count }: Target): string {
  const whose = from === undefined ? "" : ` of ${from}`;
  return count === 1 ? `the next ${api}${whose}` : `each of the next ${count} ${api}${whose}`;
}

export interface RequestKinds {
  "request lost": Target;
  "answer lost": Target;
  "request or answer late": Target & { readonly byMs: number };
  "connection closed": Target;
  "killed in a request": Phase;
  "frozen in a request": Phase;
  "broker crashes in a request": Phase;
  "error code": Target & { readonly code: number; readonly carriedOut: boolean };
  "link cut": { readonly process: string; readonly node: number; readonly forMs: number };
}

export const REQUEST_KINDS: { readonly [K in keyof RequestKinds]: Kind<RequestKinds[K]> } = {
  "request lost": {
    weight: 2,
    draw: target,
    begin: (fault, stage) => hit(stage, fault, "request lost"),
    describe: (fault) => `${next(fault)} is lost`,
  },
  "answer lost": {
    weight: 4,
    draw: target,
    begin: (fault, stage) => hit(stage, fault, "answer lost"),
    describe: (fault) => `the answer to ${next(fault)} is lost`,
  },
  "request or answer late": {
    weight: 4,
    draw: (random, around) => ({
      ...target(random, around),
      byMs: logUniform(random, 20, 30_000),
    }),
    begin: (fault, stage) => hit(stage, fault, { lateMs: fault.byMs }),
    describe: (fault) => `${next(fault)}, or its answer, is ${formatDuration(fault.byMs)} late`,
  },
  "connection closed": {
    weight: 4,
    draw: target,
    begin: (fault, stage) => hit(stage, fault, "connection closed"),
    describe: (fault) => `the connection closes under ${next(fault)}`,
  },
  "killed in a request": {
    weight: 4,
    draw: untilPeer,
    begin: (fault, stage) =>
      hit(stage, fault, { killedForMs: fault.forMs, ...fault.until && { until: fault.until } }),
    describe: (fault) =>
      `${sender(fault)} is killed when it sends its next ${fault.api}, and started again after ` +
      ends(fault),
  },
  "frozen in a request": {
    weight: 4,
    draw: untilPeer,
    begin: (fault, stage) =>
      hit(stage, fault, { frozenForMs: fault.forMs, ...fault.until && { until: fault.until } }),
    describe: (fault) =>
      `${sender(fault)} is frozen when it sends its next ${fault.api}, for ${ends(fault)}`,
  },
  "broker crashes in a request": {
    weight: 5,
    draw: (random, around) => {
      const drawn = phase(random, around);
      // Mostly it is started again at once, before the controller has noticed.
      return random.chance(0.6) ? { ...drawn, forMs: logUniform(random, 50, 1_000) } : drawn;
    },
    begin: (fault, stage) => hit(stage, fault, { brokerCrashedForMs: fault.forMs }),
    describe: (fault) =>
      `the broker that gets ${next(fault)} crashes in it, and is started again after ` +
      formatDuration(fault.forMs),
  },
  "error code": {
    weight: 5,
    draw(random, around) {
      const at = target(random, around);
      const { code, carriedOut } = random.pick(ERROR_ANSWERS.get(at.api)!);
      return {
        ...at,
        code,
        carriedOut: carriedOut === "yes" || carriedOut === "perhaps" && random.chance(0.5),
      };
    },
    begin: (fault, stage) => hit(stage, fault, { code: fault.code, carriedOut: fault.carriedOut }),
    describe: (fault) =>
      `${next(fault)} is answered with ${nameOfCode(fault.code)}` +
      (fault.carriedOut ? ", although it is carried out" : ""),
  },
  "link cut": {
    weight: 2,
    draw: (random, around) => ({
      process: random.chance(0.85) ? pickReplica(random, around) : random.pick(
        around.others.length > 0 ? around.others : [pickReplica(random, around)],
      ),
      node: pickNode(random, around),
      forMs: outage(random),
    }),
    begin: ({ process, node, forMs }, { network }) => network.cut(process, node, forMs),
    describe: ({ process, node, forMs }) =>
      `${process} does not reach broker ${node} ${lasting(forMs)}`,
  },
};
