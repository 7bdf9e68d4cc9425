/** Faults of brokers, and what moves among them. */
import { formatDuration } from "../../runtime/format.ts";
import {
  type Kind,
  lasting,
  outage,
  pickNode,
  pickPartition,
  pickReplica,
  slowness,
} from "./fault.ts";

interface OfNode {
  readonly node: number;
  readonly forMs: number;
}

export interface BrokerKinds {
  "broker crashes": OfNode;
  "broker frozen": OfNode;
  "broker cut off": OfNode;
  "zone cut off": OfNode & {
    readonly others: readonly number[];
    readonly replicas: readonly string[];
  };
  "broker slow": OfNode & { readonly byMs: number };
  "leader moves": { readonly topic: string; readonly partition: number };
  "coordinator moves":
    | { readonly group: string }
    | { readonly replica: string };
  "markers late": OfNode & { readonly byMs: number };
  "metadata stale": OfNode;
  "partitions added": { readonly partitions: number };
  "records deleted": Record<never, never>;
}

export const BROKER_KINDS: { readonly [K in keyof BrokerKinds]: Kind<BrokerKinds[K]> } = {
  "broker crashes": {
    weight: 3,
    draw: (random, around) => ({ node: pickNode(random, around), forMs: outage(random) }),
    begin({ node, forMs }, { at, cluster }) {
      cluster.crash(node);
      at(forMs, () => cluster.restart(node));
    },
    describe: ({ node, forMs }) =>
      `broker ${node} crashes, and is started again after ${formatDuration(forMs)}`,
  },
  "broker frozen": {
    weight: 3,
    draw: (random, around) => ({ node: pickNode(random, around), forMs: outage(random) }),
    begin({ node, forMs }, { at, cluster }) {
      cluster.freeze(node);
      at(forMs, () => cluster.thaw(node));
    },
    describe: ({ node, forMs }) => `broker ${node} is frozen ${lasting(forMs)}`,
  },
  "broker cut off": {
    weight: 4,
    draw: (random, around) =>
      around.brokers === 1 ? undefined : { node: pickNode(random, around), forMs: outage(random) },
    begin({ node, forMs }, { at, cluster }) {
      cluster.cutOff(node);
      at(forMs, () => cluster.reconnect(node));
    },
    describe: ({ node, forMs }) =>
      `broker ${node} reaches no other broker ${lasting(forMs)}, and goes on answering`,
  },
  "zone cut off": {
    weight: 4,
    draw(random, around) {
      const { brokers, services } = around;
      if (brokers === 1) return undefined;
      const node = pickNode(random, around);
      const others = [1, 2, 3].filter((each) => each !== node);
      const number = 1 + random.int(around.replicas);
      const replicas = random.chance(0.5)
        ? [pickReplica(random, around)]
        : services.map((service) => `${service}-${number}`);
      return { node, others, replicas, forMs: outage(random) };
    },
    begin({ node, others, replicas, forMs }, { at, cluster, network }) {
      cluster.cutOff(node);
      for (const other of others) {
        for (const replica of replicas) network.cut(replica, other, forMs);
      }
      at(forMs, () => cluster.reconnect(node));
    },
    describe: ({ node, replicas, forMs }) =>
      `broker ${node} and ${replicas.join(", ")} reach only each other ${lasting(forMs)}`,
  },
  "broker slow": {
    weight: 2,
    draw: (random, around) => ({
      node: pickNode(random, around),
      byMs: slowness(random),
      forMs: outage(random),
    }),
    begin: ({ node, byMs, forMs }, { network }) => network.slow({ node }, byMs, forMs),
    describe: ({ node, byMs, forMs }) =>
      `all that broker ${node} gets and answers takes ${formatDuration(byMs)} longer ` +
      lasting(forMs),
  },
  "leader moves": {
    weight: 5,
    draw: (random, around) =>
      around.brokers === 1
        ? undefined
        : { topic: random.pick(around.topics), partition: pickPartition(random, around) },
    begin: ({ topic, partition }, { cluster }) => cluster.moveLeader(topic, partition),
    describe: ({ topic, partition }) => `the leader of ${topic}/${partition} moves`,
  },
  "coordinator moves": {
    weight: 4,
    draw(random, around) {
      const { brokers, services } = around;
      if (brokers === 1) return undefined;
      return random.chance(0.5)
        ? { group: random.pick(services) }
        : { replica: pickReplica(random, around) };
    },
    begin: (fault, { cluster }) =>
      "group" in fault
        ? cluster.moveCoordinator("group", fault.group)
        : cluster.moveCoordinator("transaction", fault.replica),
    describe: (fault) =>
      "group" in fault
        ? `the coordinator of the group ${fault.group} moves`
        : `the coordinator of the transactional id of ${fault.replica} moves`,
  },
  "markers late": {
    weight: 4,
    draw: (random, around) => ({
      node: pickNode(random, around),
      byMs: slowness(random),
      forMs: outage(random),
    }),
    begin({ node, byMs, forMs }, { at, cluster }) {
      cluster.delayMarkers(node, byMs);
      at(forMs, () => cluster.delayMarkers(node, 0));
    },
    describe: ({ node, byMs, forMs }) =>
      `broker ${node} writes the markers of its transactions ${formatDuration(byMs)} later ` +
      lasting(forMs),
  },
  "metadata stale": {
    weight: 4,
    draw: (random, around) =>
      around.brokers === 1 ? undefined : { node: pickNode(random, around), forMs: outage(random) },
    begin: ({ node, forMs }, { cluster }) => cluster.staleMetadata(node, forMs),
    describe: ({ node, forMs }) =>
      `broker ${node} learns nothing of leaders that move ${lasting(forMs)}`,
  },
  "partitions added": {
    weight: 1,
    draw: (random, { partitions }) => ({ partitions: partitions + 1 + random.int(2) }),
    begin: ({ partitions }, { cluster }) => cluster.addPartitions(partitions),
    describe: ({ partitions }) => `all order topics get ${partitions} partitions`,
  },
  "records deleted": {
    weight: 1,
    draw: () => ({}),
    begin: (_fault, { cluster }) => cluster.deleteReadRecords(),
    describe: () => "records that everybody has read are deleted",
  },
};
