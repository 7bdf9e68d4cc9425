/** Starts again what ended without being asked to, unless it will not get well by itself. */
import { Failure } from "../runtime/program.ts";
import { pause } from "../runtime/stop.ts";
import type { Broker } from "./broker.ts";
import type { Cluster } from "./cluster.ts";

export interface Supervised {
  /** What notices call it. */
  readonly name: string;
  /** Resolves when its present run has ended; never rejects. */
  ended(): Promise<Deno.CommandStatus>;
  /**
   * @returns its process
   * @throws {Failure} it did not start, which counts as a short life
   */
  start(): Promise<number> | number;
  /** Whether an end is wanted. */
  stopping(): boolean;
}

/** One that dies this often within a short life each time will not get well by itself. */
export const MAX_SHORT_LIVES = 5;
const SHORT_LIFE_MS = 5_000;
const NODE_RESTART_PAUSE_MS = 3_000;

/**
 * Resolves when an end is wanted, or when it died too often.
 *
 * @param options.pauseMs how long it stays away
 * @param options.onNotice told in one line: died, started again
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
 * Starts each of several nodes again some seconds after its end, so that one can watch another lead;
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
