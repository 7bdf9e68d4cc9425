/** Faults of replicas, of their databases, and of the payment gateway. */
import { formatDuration } from "../../runtime/format.ts";
import type { Processor } from "../../topology.ts";
import { type Kind, lasting, logUniform, outage, pickReplica } from "./fault.ts";

interface OfReplica {
  readonly replica: string;
  readonly forMs: number;
}

interface OfDatabase {
  readonly service: Processor;
  readonly forMs: number;
}

export interface ProcessKinds {
  "replica killed": OfReplica;
  "replica frozen": OfReplica;
  "replica removed": OfReplica;
  "replica added": OfReplica;
  "clock jumps": { readonly replica: string; readonly byMs: number };
  "group rebalances": { readonly service: Processor };
  "database refuses": OfDatabase;
  "commit unanswered": {
    readonly service: Processor;
    readonly count: number;
    readonly committed: boolean;
  };
  "database slow": OfDatabase & { readonly byMs: number };
  "gateway silent": { readonly forMs: number };
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
    draw: (random, { services }) => ({ service: random.pick(services), forMs: outage(random) }),
    begin({ service, forMs }, { at, databases }) {
      at(forMs, databases.refuse(service));
    },
    describe: ({ service, forMs }) => `the database of ${service} is down ${lasting(forMs)}`,
  },
  "commit unanswered": {
    weight: 3,
    draw: (random, { services }) => ({
      service: random.pick(services),
      count: random.pick([1, 1, 1, 2, 4]),
      committed: random.chance(0.7),
    }),
    begin({ service, count, committed }, { databases }) {
      for (let i = 0; i < count; i++) databases.loseAnswer(service, committed);
    },
    describe: ({ service, count, committed }) =>
      `the database of ${service} ${committed ? "commits" : "rolls back"} ` +
      (count === 1 ? "the next transaction" : `each of the next ${count} transactions`) +
      ", and the answer is lost",
  },
  "database slow": {
    weight: 1,
    draw: (random, { services }) => ({
      service: random.pick(services),
      byMs: logUniform(random, 20, 5_000),
      forMs: outage(random),
    }),
    begin({ service, byMs, forMs }, { at, databases }) {
      at(forMs, databases.slow(service, byMs));
    },
    describe: ({ service, byMs, forMs }) =>
      `the database of ${service} takes ${formatDuration(byMs)} longer ${lasting(forMs)}`,
  },
  "gateway silent": {
    weight: 1,
    draw: (random) => ({ forMs: outage(random) }),
    begin({ forMs }, stage) {
      const { at } = stage;
      at(forMs, stage.silenceGateway());
    },
    describe: ({ forMs }) => `the payment gateway does not answer ${lasting(forMs)}`,
  },
};
