/**
 * The embedded Kafka: one node, or three with a copy of every partition on each. In: where, on which
 * ports. Out: nodes that answer, each of which can be stopped, killed and started again by itself.
 */
import { join } from "node:path";
import { choice } from "../../runtime/setting.ts";
import { Failure } from "../../runtime/errors.ts";
import { pause } from "../../runtime/shutdown.ts";
import { type Broker, type ClusterPlace, prepareNode } from "./broker.ts";
import {
  type NodePorts,
  randomClusterId,
  readClusterId,
  type ServerSettings,
} from "./server_settings.ts";
import { LOG_DIRECTORY } from "./java_runtime.ts";
import { type Metadata, readMetadata } from "./metadata.ts";
import { checkFree, freePort, isFree } from "./ports.ts";

export interface ClusterOptions {
  /** Where the data is: of a lone node in it, of several in `node-1`, `node-2` … */
  readonly directory: string;
  /** Where clients find the nodes, one port for each node; 0 is any free one. */
  readonly ports: readonly number[];
  /** When a port is taken: `exact` fails, `prefer` takes another and says so (default: `exact`). */
  readonly portPolicy?: "exact" | "prefer";
  /** The most that each JVM's heap grows to (default: `defaultHeapMb`). */
  readonly heapMb?: number | undefined;
  /** Settings of the servers that are added, or that replace those of server_settings.ts. */
  readonly overrides?: ServerSettings;
  /**
   * The port that a node advertises to clients, such as that of a proxy before it (default: its own).
   * The nodes themselves talk past it.
   */
  readonly advertisedPort?: (nodeId: number) => number;
  /** Gets one line for what a person should know: another port, something to wait for. */
  readonly onNotice?: (line: string) => void;
}

export interface Cluster {
  /** The addresses of all nodes, `127.0.0.1:PORT`, separated by commas. */
  readonly bootstrap: string;
  /** The first has the id 1. */
  readonly nodes: readonly Broker[];
  /** Runs one of Kafka's tools: see `Broker`. */
  readonly runTool: Broker["runTool"];
  /**
   * Resolves when every node answers and says that all replicas of all partitions are in sync.
   *
   * @param limitMs (default: 60,000)
   * @throws {Failure} it takes longer; the message names what is missing
   */
  inSync(limitMs?: number): Promise<void>;
  /**
   * Stops all nodes in order. The last one may be killed: a broker's orderly stop waits for the
   * controllers, of which more than half must run. Nothing that the cluster has taken is lost by it.
   * Resolves when they have ended.
   */
  stop(): Promise<void>;
  /** Ends all nodes and deletes their data. */
  remove(): Promise<void>;
}

/** Three, because a majority of two is both of them. */
export const nodesSetting = choice({
  option: "nodes",
  fallback: "1",
  words: ["1", "3"],
  help: "how many nodes the embedded Kafka has; with 3 a copy of every partition is on each",
});

const READY_LIMIT_MS = 60_000;
/** For nodes that are no majority any more. A controller that leads waits 5 s for the others. */
const LAST_STOP_LIMIT_MS = 10_000;
const POLL_MS = 50;

/** The default for `heapMb`, in a cluster of so many nodes. */
export function defaultHeapMb(nodes: number): number {
  return nodes === 1 ? 512 : 256;
}

/**
 * Starts nodes side by side; resolves when each answers and knows the others.
 *
 * @throws {Failure} Java or Maven is missing, a port is taken, other brokers run on their
 * directories, or they do not start within 60 s; none is left running
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { directory, overrides = {}, onNotice = () => {} } = options;
  const heapMb = options.heapMb ?? defaultHeapMb(options.ports.length);
  const directories = options.ports.length === 1
    ? [directory]
    : options.ports.map((_, index) => join(directory, `node-${index + 1}`));

  const starts: Awaited<ReturnType<typeof prepareNode>>[] = [];
  // One by one: the first may have to fetch Kafka.
  for (const [index, directory] of directories.entries()) {
    starts.push(await prepareNode({ directory, nodeId: index + 1, heapMb, overrides, onNotice }));
  }
  const place: ClusterPlace = {
    nodes: await choosePorts(options),
    id: await clusterId(directories),
  };
  const nodes = await allOrNone((signal) => starts.map((start) => start(place, signal)));
  try {
    await untilAllSay(nodes, READY_LIMIT_MS, "not up", ({ brokers }) => {
      const ids = nodes.map(({ nodeId }) => nodeId);
      return ids.filter((id) => !brokers.includes(id)).map((id) => `node ${id}`);
    });
  } catch (error) {
    await Promise.all(nodes.map((node) => node.kill()));
    throw error;
  }
  return toCluster(nodes);
}

/** For people who want to kill a node: one line each. None for a lone node. */
export function nodeLines({ nodes }: Cluster): string[] {
  if (nodes.length === 1) return [];
  return nodes.map(({ nodeId, bootstrap, pid }) =>
    `node ${nodeId} at ${bootstrap}, process ${pid}`
  );
}

function toCluster(nodes: readonly Broker[]): Cluster {
  return {
    bootstrap: nodes.map(({ bootstrap }) => bootstrap).join(),
    nodes,
    runTool: nodes[0]!.runTool,

    inSync: (limitMs = READY_LIMIT_MS) =>
      untilAllSay(nodes, limitMs, "not in sync", ({ partitions }) => {
        const lagging = partitions.filter(({ replicas, inSync }) =>
          inSync.length < replicas.length
        );
        return lagging.map(({ topic, partition }) => `${topic}-${partition}`);
      }),

    async stop() {
      const stopping = nodes.map((node) => node.stop());
      // Until too few are left for what the others wait for, as long as 5 minutes. Kafka's own system
      // tests kill them then, too (apache/kafka pull request 10991).
      await settled(stopping, Math.ceil(nodes.length / 2));
      const last = nodes.filter(({ running }) => running);
      await Promise.all([...stopping, ...last.map((node) => node.stop(LAST_STOP_LIMIT_MS))]);
    },

    async remove() {
      // Data that is deleted needs no orderly stop, in which the last of several waits 5 s for the others.
      if (nodes.length > 1) await Promise.all(nodes.map((node) => node.kill()));
      await Promise.all(nodes.map((node) => node.remove()));
    },
  };
}

/** Resolves when `count` of `works` have ended. */
function settled(works: readonly Promise<unknown>[], count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const one = () => --left === 0 && resolve();
    for (const work of works) work.then(one, one);
  });
}

/** Where the nodes listen: as asked for, and on internal ports that are drawn. */
async function choosePorts(options: ClusterOptions): Promise<NodePorts[]> {
  const { ports, portPolicy = "exact", advertisedPort, onNotice = () => {} } = options;
  const taken = [...ports];
  const draw = async () => taken[taken.push(await freePort(...taken)) - 1]!;
  const choose = async (port: number) => {
    if (port === 0) return draw();
    if (portPolicy === "exact") await checkFree(port);
    else if (!await isFree(port)) {
      const free = await draw();
      onNotice(`port ${port} is taken; using ${free} instead`);
      return free;
    }
    return port;
  };
  const nodes: NodePorts[] = [];
  for (const [index, port] of ports.entries()) {
    const client = await choose(port);
    nodes.push({
      client,
      advertised: advertisedPort?.(index + 1) ?? client,
      controller: await draw(),
      replication: await draw(),
    });
  }
  return nodes;
}

/** The id that the data has, if there is any: a node whose directory was deleted joins the others again. */
async function clusterId(directories: readonly string[]): Promise<string> {
  const ids = await Promise.all(
    directories.map((directory) => readClusterId(join(directory, LOG_DIRECTORY))),
  );
  return ids.find((id) => id !== undefined) ?? randomClusterId();
}

/** All nodes; when one does not start, the others are killed, and its error is thrown. */
async function allOrNone(
  start: (signal: AbortSignal) => readonly Promise<Broker>[],
): Promise<Broker[]> {
  const giveUp = new AbortController();
  const starting = start(giveUp.signal);
  try {
    return await Promise.all(starting);
  } catch (error) {
    giveUp.abort();
    for (const result of await Promise.allSettled(starting)) {
      if (result.status === "fulfilled") await result.value.kill();
    }
    throw error;
  }
}

/**
 * Waits until every node answers and finds nothing amiss.
 *
 * @param what `find` finds, such as "not in sync"
 * @throws {Failure} it takes longer than `limitMs`
 */
async function untilAllSay(
  nodes: readonly Broker[],
  limitMs: number,
  what: string,
  find: (metadata: Metadata) => string[],
): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (const { nodeId, port } of nodes) {
    for (;;) {
      const metadata = await readMetadata(port).catch(() => undefined);
      const found = metadata && find(metadata);
      if (found?.length === 0) break;
      if (performance.now() > deadline) {
        const names = found?.slice(0, 5).join(", ") + (found && found.length > 5 ? " …" : "");
        const fault = found ? `finds ${what}: ${names}` : "does not answer";
        throw new Failure(`after ${limitMs / 1_000} s node ${nodeId} ${fault}`);
      }
      await pause(POLL_MS);
    }
  }
}
