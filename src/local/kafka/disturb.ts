/**
 * Disturbs the nodes of a cluster while orders flow: each is restarted in turn, as an upgrade does it,
 * and then each is killed in turn and started again.
 */
import { pause } from "../../runtime/shutdown.ts";
import type { Broker } from "./broker.ts";
import type { Cluster } from "./cluster.ts";

const POLL_MS = 100;

const WAYS: readonly { what: string; end: (node: Broker) => Promise<void> }[] = [
  { what: "restarted (SIGTERM)", end: (node) => node.stop() },
  { what: "killed (SIGKILL)", end: (node) => node.kill() },
];

/**
 * Resolves when all has been done, and every replica is in sync again; or when `signal` aborts. The
 * steps are spread over the run; none begins before the last one's node is in sync.
 *
 * @param options.share how much of the run is done, from 0 to 1: the first step waits for more than 0
 * @param options.onNotice told each step in one line
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
      `node ${node.nodeId} ${what} at ${
        Math.floor(100 * done)
      } %: back after ${away} s, in sync after ${seconds()} s, ` +
        `process ${node.pid}`,
    );
  }
}
