import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Failure } from "../runtime/errors.ts";
import type { Broker } from "./kafka/broker.ts";
import type { Cluster } from "./kafka/cluster.ts";
import { disturbNodes, MAX_SHORT_LIVES, supervise } from "./supervise.ts";

const KILLED: Deno.CommandStatus = { success: false, code: 137, signal: "SIGKILL" };

/** Lets something that always ends at once be supervised; returns how often it was started again. */
async function lives(
  start: (nth: number) => number,
  stopping: (starts: number) => boolean = () => false,
): Promise<{ starts: number; notices: string[] }> {
  let starts = 0;
  const notices: string[] = [];
  await supervise({
    name: "it",
    ended: () => Promise.resolve(KILLED),
    start() {
      if (starts === 10 * MAX_SHORT_LIVES) throw new Error("it is started without end");
      return start(++starts);
    },
    stopping: () => stopping(starts),
  }, { pauseMs: 0, onNotice: (line) => notices.push(line) });
  return { starts, notices };
}

Deno.test("supervise: gives up what keeps ending right after its start, with a notice each time", async () => {
  const { starts, notices } = await lives((nth) => 100 + nth);
  assertEquals(starts, MAX_SHORT_LIVES);
  assertEquals(notices.slice(0, 2), [
    "it was ended by SIGKILL; starting it again",
    "it started, process 101",
  ]);
});

Deno.test("supervise: one that does not start has had a short life; the notice says why", async () => {
  const { starts, notices } = await lives(() => {
    throw new Failure("the port is taken");
  });
  assertEquals(starts, MAX_SHORT_LIVES);
  assertEquals(notices[1], "it: the port is taken");
});

Deno.test("supervise: an end that is wanted is left alone", async () => {
  assertEquals((await lives(() => 1, (starts) => starts === 2)).starts, 2);
  assertEquals(await lives(() => 1, () => true), { starts: 0, notices: [] });
});

Deno.test("supervise: any error but a Failure is thrown on", async () => {
  await assertRejects(() =>
    lives(() => {
      throw new TypeError("a bug");
    }), TypeError);
});

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
  // Of 12 orders one is settled at each sample.
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
      // More than so many sixths; the sample itself has settled one more.
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
