/** Faults of replicas, of their databases, and of the payment gateway. */
import { formatDuration } from "../../runtime/format.ts";
import type { Processor } from "../../topology.ts";
import type { Random } from "../random.ts";
import { COPIER, type SimulatedService } from "../services.ts";
import {
  asker,
  type Kind,
  lasting,
  logUniform,
  outage,
  pickReplica,
  slowness,
  type Surroundings,
} from "./fault.ts";
import type { DatabaseFault, Stage } from "./stage.ts";

interface OfReplica {
  readonly replica: string;
  readonly forMs: number;
}

/** What the next `count` transactions of a service meet. */
interface OfDatabase {
  readonly service: Processor;
  readonly count: number;
}

export interface ProcessKinds {
  "replica killed": OfReplica;
  "replica frozen": OfReplica;
  "replica slow": { readonly from: string; readonly byMs: number; readonly forMs: number };
  "replica removed": OfReplica;
  "replica added": OfReplica;
  "rolling restart": { readonly replicas: readonly string[]; readonly forMs: number };
  "clock jumps": { readonly replica: string; readonly byMs: number };
  "group rebalances": { readonly service: SimulatedService };
  "database refuses": OfDatabase;
  "database commit unanswered": OfDatabase;
  "database commit fails": OfDatabase;
  "database slow": OfDatabase & { readonly byMs: number };
  "gateway silent": { readonly forMs: number };
}

/** Outlasts the attempts of a handler, at most. */
const COUNTS = [1, 1, 1, 2, 4, 8];

function ofDatabase(random: Random, { services }: Surroundings): OfDatabase | undefined {
  const service = random.pick(services);
  return service === COPIER ? undefined : { service, count: random.pick(COUNTS) };
}

function hit({ databases }: Stage, { service, count }: OfDatabase, fault: DatabaseFault): void {
  for (let i = 0; i < count; i++) databases.hit(service, fault);
}

function next({ service, count }: OfDatabase): string {
  const what = count === 1 ? "the next transaction" : `each of the next ${count} transactions`;
  return `${what} in the database of ${service}`;
}

export const PROCESS_KINDS: { readonly [K in keyof ProcessKinds]: Kind<ProcessKinds[K]> } = {
  "replica killed": {
    weight: 4,
    draw: (random, around) => ({ replica: pickReplica(random, around), forMs: outage(random) }),
    begin({ replica, forMs }, { at, replicas }) {
      replicas.kill(replica);
      at(forMs, () => replicas.start(replica));
    },
    describe: ({ replica, forMs }) =>
      `${replica} is killed, and started again after ${formatDuration(forMs)}`,
  },
  "replica frozen": {
    weight: 4,
    draw: (random, around) => ({ replica: pickReplica(random, around), forMs: outage(random) }),
    begin({ replica, forMs }, { at, replicas }) {
      replicas.freeze(replica);
      at(forMs, () => replicas.thaw(replica));
    },
    describe: ({ replica, forMs }) => `${replica} is frozen ${lasting(forMs)}`,
  },
  "replica slow": {
    weight: 3,
    draw: (random, around) => ({
      from: asker(random, around),
      byMs: slowness(random),
      forMs: outage(random),
    }),
    begin: ({ from, byMs, forMs }, { network }) => network.slow({ from }, byMs, forMs),
    describe: ({ from, byMs, forMs }) =>
      `all that ${from} sends and gets takes ${formatDuration(byMs)} longer ${lasting(forMs)}`,
  },
  "replica removed": {
    weight: 2,
    draw: (random, around) => ({ replica: pickReplica(random, around), forMs: outage(random) }),
    begin({ replica, forMs }, { at, replicas }) {
      replicas.stop(replica);
      at(forMs, () => replicas.start(replica));
    },
    describe: ({ replica, forMs }) =>
      `${replica} is stopped, and started again after ${formatDuration(forMs)}`,
  },
  "replica added": {
    weight: 2,
    draw(random, around) {
      const number = around.replicas + 1 + random.int(2);
      return { replica: `${random.pick(around.services)}-${number}`, forMs: outage(random) };
    },
    begin({ replica, forMs }, { at, replicas }) {
      replicas.start(replica);
      at(forMs, () => replicas.stop(replica));
    },
    describe: ({ replica, forMs }) => `${replica} is added ${lasting(forMs)}`,
  },
  "rolling restart": {
    weight: 4,
    draw: (random, { services, replicas }) => {
      const service = random.pick(services);
      const names = Array.from({ length: replicas }, (_, i) => `${service}-${i + 1}`);
      return { replicas: names, forMs: logUniform(random, 500, 20_000) };
    },
    begin({ replicas: names, forMs }, { at, replicas }) {
      const eachMs = forMs / names.length;
      for (const [i, name] of names.entries()) {
        at(i * eachMs, () => replicas.stop(name));
        at((i + 0.8) * eachMs, () => replicas.start(name));
      }
    },
    describe: ({ replicas, forMs }) =>
      `each of ${replicas.join(", ")} is restarted, one after the other, within ${
        formatDuration(forMs)
      }`,
  },
  "clock jumps": {
    weight: 1,
    draw: (random, around) => ({
      replica: pickReplica(random, around),
      byMs: logUniform(random, 10, 3_600_000) * (random.chance(0.5) ? 1 : -1),
    }),
    begin: ({ replica, byMs }, { replicas }) => replicas.jumpClock(replica, byMs),
    describe: ({ replica, byMs }) =>
      `the clock of ${replica} jumps ${formatDuration(Math.abs(byMs))} ` +
      (byMs > 0 ? "ahead" : "back"),
  },
  "group rebalances": {
    weight: 2,
    draw: (random, { services }) => ({ service: random.pick(services) }),
    begin: ({ service }, { replicas }) => replicas.rebalance(service),
    describe: ({ service }) => `the group of ${service} rebalances`,
  },
  "database refuses": {
    weight: 2,
    draw: ofDatabase,
    begin: (fault, stage) => hit(stage, fault, "refuse"),
    describe: (fault) => `${next(fault)} is refused`,
  },
  "database commit unanswered": {
    weight: 3,
    draw: ofDatabase,
    begin: (fault, stage) => hit(stage, fault, "commit, answer lost"),
    describe: (fault) => `${next(fault)} is committed, and the answer is lost`,
  },
  "database commit fails": {
    weight: 2,
    draw: ofDatabase,
    begin: (fault, stage) => hit(stage, fault, "no commit, answer lost"),
    describe: (fault) => `${next(fault)} is rolled back instead of committed`,
  },
  "database slow": {
    weight: 1,
    draw(random, around) {
      const of = ofDatabase(random, around);
      return of && { ...of, byMs: logUniform(random, 20, 20_000) };
    },
    begin: (fault, stage) => hit(stage, fault, { slowMs: fault.byMs }),
    describe: (fault) => `${next(fault)} takes ${formatDuration(fault.byMs)} longer`,
  },
  "gateway silent": {
    weight: 1,
    draw: (random, { services }) =>
      services.includes("payment") ? { forMs: outage(random) } : undefined,
    begin: ({ forMs }, stage) => stage.silenceGateway(forMs),
    describe: ({ forMs }) => `the payment gateway does not answer ${lasting(forMs)}`,
  },
};
