/**
 * Restarts what ends without being asked to, until it keeps dying right after its start; and disturbs
 * the nodes of a cluster on purpose.
 */
import { Failure } from "../runtime/errors.ts";
import { pause } from "../runtime/shutdown.ts";
import type { Broker } from "./kafka/broker.ts";
import type { Cluster } from "./kafka/cluster.ts";

interface Supervised {
  /** Its name in notices. */
  readonly name: string;
  /** Resolves when its present run has ended; never rejects. */
  ended(): Promise<Deno.CommandStatus>;
  /**
   * @returns its process id
   * @throws {Failure} it did not start, which counts as a short life
   */
  start(): Promise<number> | number;
  /** Whether it should stay stopped. */
  stopping(): boolean;
}

/** After so many short lives in a row it is given up. */
export const MAX_SHORT_LIVES = 5;
const SHORT_LIFE_MS = 5_000;
const NODE_RESTART_PAUSE_MS = 3_000;

/**
 * Resolves when it should stay stopped, or when it has died too often.
 *
 * @param options.pauseMs how long it stays down before it is restarted
 * @param options.onNotice gets one line for each end and each start
 */
export async function supervise(
  { name, ended, start, stopping }: Supervised,
  options: { pauseMs: number; onNotice: (line: string) => void },
): Promise<void> {
  const { pauseMs, onNotice } = options;
  for (let shortLives = 0; shortLives < MAX_SHORT_LIVES;) {
    const startedAt = performance.now();
    const status = await ended();
    if (stopping()) return;
    const how = status.signal ? `was ended by ${status.signal}` : `exited with ${status.code}`;
    onNotice(`${name} ${how}; starting it again`);
    shortLives = performance.now() - startedAt < SHORT_LIFE_MS ? shortLives + 1 : 0;
    await pause(pauseMs);
    if (stopping()) return;
    try {
      onNotice(`${name} started, process ${await start()}`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      onNotice(`${name}: ${error.message}`);
    }
  }
}

/**
 * Restarts each of several nodes some seconds after its end, so that you can watch another one lead;
 * until `signal` aborts.
 *
 * @throws {Failure} a lone node ended, or one of several keeps ending right after its start
 */
export async function superviseNodes(
  { nodes }: Cluster,
  { signal, onNotice }: { signal: AbortSignal; onNotice: (line: string) => void },
): Promise<void> {
  await Promise.all(nodes.map(async (node) => {
    if (nodes.length === 1) {
      const { code } = await node.exited;
      if (signal.aborted) return;
      throw await lastWords(node, `Kafka ended by itself (exit code ${code})`);
    }
    const name = `node ${node.nodeId}`;
    await supervise({
      name,
      ended: () => node.exited,
      async start() {
        await node.start();
        return node.pid;
      },
      stopping: () => signal.aborted,
    }, { pauseMs: NODE_RESTART_PAUSE_MS, onNotice });
    if (signal.aborted) return;
    throw await lastWords(node, `${name} ended ${MAX_SHORT_LIVES} times right after its start`);
  }));
}

async function lastWords(node: Broker, what: string): Promise<Failure> {
  return new Failure(`${what}; the last lines of its log:\n${await node.lastLogLines()}`);
}

/** How often `disturbNodes` checks how far the run is. */
const POLL_MS = 100;

const WAYS: readonly { what: string; end: (node: Broker) => Promise<void> }[] = [
  { what: "restarted (SIGTERM)", end: (node) => node.stop() },
  { what: "killed (SIGKILL)", end: (node) => node.kill() },
];

/**
 * Disturbs the nodes of a cluster while orders flow: restarts each in turn, as an upgrade does, and then
 * kills each in turn and starts it again. The steps are spread over the run; none begins before the node
 * of the previous one is in sync.
 *
 * Resolves when every step is done and every replica is in sync again, or when `signal` aborts.
 *
 * @param options.share how much of the run is done, from 0 to 1: the first step waits for more than 0
 * @param options.onNotice gets one line for each step
 * @throws {Failure} a node does not start, or does not get in sync
 */
export async function disturbNodes(
  cluster: Cluster,
  { share, signal, onNotice }: {
    share: () => number;
    signal: AbortSignal;
    onNotice: (line: string) => void;
  },
): Promise<void> {
  const steps = WAYS.flatMap((way) => cluster.nodes.map((node) => ({ ...way, node })));
  for (const [index, { what, end, node }] of steps.entries()) {
    let done = share();
    for (; done <= index / steps.length; done = share()) {
      if (signal.aborted) return;
      await pause(POLL_MS, signal);
    }
    const startedAt = performance.now();
    const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(1);
    await end(node);
    await node.start();
    const away = seconds();
    await cluster.inSync();
    onNotice(
      `node ${node.nodeId} ${what} at ${Math.floor(100 * done)} %: back after ${away} s, ` +
        `in sync after ${seconds()} s, process ${node.pid}`,
    );
  }
}
