import { assertEquals, assertMatch } from "@std/assert";
import type { Broker } from "./broker.ts";
import type { Cluster } from "./cluster.ts";
import { disturbNodes } from "./disturb.ts";

/** Nodes that note what is done to them, and at which share of the run. */
function fakeCluster(share: () => number) {
  const done: string[] = [];
  const note = (what: string) => () => {
    done.push(`${what} at ${share()}`);
    return Promise.resolve();
  };
  const nodes = [1, 2, 3].map((nodeId) => ({
    nodeId,
    pid: 0,
    stop: note(`stop ${nodeId}`),
    kill: note(`kill ${nodeId}`),
    start: note(`start ${nodeId}`),
  }));
  const cluster = { nodes: nodes as unknown as Broker[], inSync: note("in sync") };
  return { cluster: cluster as unknown as Cluster, done };
}

Deno.test("disturbNodes: each is stopped, then each is killed, in turn, spread over the run", async () => {
  // Of 12 orders one is settled whenever somebody looks whether it is time.
  let settled = 0;
  const notices: string[] = [];
  const { cluster, done } = fakeCluster(() => settled);
  await disturbNodes(cluster, {
    share: () => settled++ / 12,
    signal: new AbortController().signal,
    onNotice: (line) => notices.push(line),
  });
  const steps = [["stop", 1], ["stop", 2], ["stop", 3], ["kill", 1], ["kill", 2], ["kill", 3]];
  assertEquals(
    done,
    steps.flatMap(([way, node], index) => {
      // More than so many sixths; the look itself has settled one more.
      const at = 2 * index + 2;
      return [`${way} ${node} at ${at}`, `start ${node} at ${at}`, `in sync at ${at}`];
    }),
  );
  assertEquals(notices.length, 6);
  assertMatch(notices[5]!, /^node 3 killed \(SIGKILL\) at 91 %: back after /);
});

Deno.test("disturbNodes: ends when the run is broken off before its next step", async () => {
  const stop = new AbortController();
  const { cluster, done } = fakeCluster(() => 0);
  const disturbing = disturbNodes(cluster, {
    share: () => 0,
    signal: stop.signal,
    onNotice: () => {},
  });
  stop.abort();
  await disturbing;
  assertEquals(done, []);
});
