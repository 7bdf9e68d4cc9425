/** How the log is read while it is followed, from brokers that are made up. */
import { assertEquals } from "@std/assert";
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import { openLogReader } from "./log_reader.ts";

/** One broker, which has nothing; `calls` are what it is asked. */
function clusterWith(
  calls: string[],
  hooks: { findBroker?: () => Promise<void>; refresh?: () => Promise<void>; fails?: () => boolean },
) {
  const broker = {
    nodeId: 1,
    connectionPool: { pool: [] },
    fetch: () => {
      calls.push("fetch");
      if (hooks.fails?.()) {
        return Promise.reject(
          Object.assign(new Error("moved"), {
            name: "KafkaJSProtocolError",
            type: "NOT_LEADER_FOR_PARTITION",
          }),
        );
      }
      return Promise.resolve({ responses: [{ topicName: "t", partitions: [] }] });
    },
  };
  return {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(void calls.push("close")),
    refreshMetadata: () => hooks.refresh?.() ?? Promise.resolve(),
    findLeaderForPartitions: () => ({ 1: [0] }),
    findBroker: async () => {
      await hooks.findBroker?.();
      return broker;
    },
  };
}

/** What is asked of the broker when a reading is stopped meanwhile. */
async function stopWhile(what: "findBroker" | "refresh") {
  const calls: string[] = [];
  const stop = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const hook = () => {
    reached.resolve();
    return promise;
  };
  let first = true;
  const cluster = clusterWith(
    calls,
    what === "findBroker"
      ? { findBroker: hook }
      : { refresh: hook, fails: () => first && !(first = false) },
  );
  const reader = await openLogReader({ createCluster: () => cluster } as never);
  const reading = (async () => {
    for await (
      const _ of reader.readBatches("t", {
        partitions: [0],
        ends: new Map([[0, { first: 0, end: 9 }]]),
        follow: true,
        signal: stop.signal,
      })
    ) { /**/ }
    await reader.close();
  })();
  await reached.promise;
  stop.abort();
  // It may end at once, or when the answer has come.
  await settlesWithin(reading, 50);
  resolve();
  await reading;
  // Nobody tells when nothing more comes.
  await pause(300);
  return calls;
}

for (const what of ["findBroker", "refresh"] as const) {
  Deno.test(`readBatches: nothing is fetched behind the close of a reading that is stopped during ${what}`, async () => {
    const calls = await stopWhile(what);
    assertEquals(calls.at(-1), "close", calls.join());
    assertEquals(calls.filter((call) => call === "fetch").length, what === "refresh" ? 1 : 0);
  });
}

Deno.test("readBatches: a leader that has nothing does not hold up what waits at another", async () => {
  const waits: number[] = [];
  const stop = new AbortController();
  const data = (partition: number, at: number, more: boolean) => ({
    partition,
    highWatermark: String(at + (more ? 1000 : 1)),
    lastStableOffset: String(at + (more ? 1000 : 1)),
    messages: more
      ? [{
        offset: at,
        timestamp: 0,
        key: null,
        value: null,
        headers: {},
        isControlRecord: false,
        batchContext: { producerId: "-1", inTransaction: false },
      }]
      : [],
    abortedTransactions: null,
  });
  const broker = (id: number) => ({
    nodeId: id,
    connectionPool: { pool: [] },
    fetch: async (
      { maxWaitTime, topics }: {
        maxWaitTime: number;
        topics: { partitions: { fetchOffset: string }[] }[];
      },
    ) => {
      if (id === 2) {
        waits.push(maxWaitTime);
        if (waits.length === 3) stop.abort();
        await pause(maxWaitTime);
      }
      const at = Number(topics[0]!.partitions[0]!.fetchOffset);
      return { responses: [{ topicName: "t", partitions: [data(id, at, id === 1)] }] };
    },
  });
  const cluster = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    refreshMetadata: () => Promise.resolve(),
    findLeaderForPartitions: () => ({ 1: [1], 2: [2] }),
    findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(broker(Number(nodeId))),
  };
  const reader = await openLogReader({ createCluster: () => cluster } as never);
  for await (
    const _ of reader.readBatches("t", {
      partitions: [1, 2],
      ends: new Map([[1, { first: 0, end: 9 }], [2, { first: 0, end: 1 }]]),
      from: new Map([[2, 1]]),
      follow: true,
      signal: stop.signal,
    })
  ) { /* until it is stopped */ }
  await reader.close();
  assertEquals(waits[2], 100);
});
