import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import type { Consumer, Kafka } from "kafkajs";
import { GroupMember, keepMember, watchHeartbeats } from "./member.ts";
import type { Crash } from "./membership.ts";
import { until } from "../../runtime/until.ts";

const INTERVAL_MS = 20;

/** A consumer that emits what a test says, and notes what is asked of it. */
function fakeConsumer() {
  const listeners = new Map<string, Set<(event: unknown) => void>>();
  const calls: string[] = [];
  const note = (call: string) => () => Promise.resolve(void calls.push(call));
  const consumer = {
    events: {
      GROUP_JOIN: "join",
      HEARTBEAT: "heartbeat",
      REBALANCING: "rebalancing",
      CRASH: "crash",
    },
    on(event: string, listener: (event: unknown) => void) {
      const those = listeners.get(event) ?? new Set();
      listeners.set(event, those.add(listener));
      return () => those.delete(listener);
    },
    connect: note("connect"),
    subscribe: note("subscribe"),
    run: note("run"),
    disconnect: note("disconnect"),
  } as unknown as Consumer;
  return {
    consumer,
    calls,
    emit: (event: string, payload: object = {}) =>
      listeners.get(event)?.forEach((listener) => listener({ payload })),
    listening: () => [...listeners.values()].some(({ size }) => size > 0),
  };
}

/** What is told of the coordinator of a consumer. */
function watched() {
  const { consumer, emit, listening } = fakeConsumer();
  const told: string[] = [];
  const stop = watchHeartbeats(consumer, INTERVAL_MS, {
    onSilence: (reason) => told.push(reason),
    onHeard: () => told.push("heard"),
  });
  return { told, stop, emit, listening };
}

const SILENT = "the coordinator of the consumer group does not answer";

Deno.test("watchHeartbeats: tells once that nothing is heard, and once that it is again", async () => {
  const { told, emit, stop, listening } = watched();
  emit("join");
  await until("it is told", () => told.length > 0);
  emit("heartbeat");
  emit("heartbeat");
  assertEquals(told, [SILENT, "heard"]);
  await until("it is told again", () => told.length > 2);
  emit("join");
  assertEquals(told, [SILENT, "heard", SILENT, "heard"]);
  stop();
  assertEquals(listening(), false);
});

Deno.test("watchHeartbeats: silence before the first join, and while the group is assigned, is none", async () => {
  const early = watched();
  const rebalancing = watched();
  rebalancing.emit("join");
  rebalancing.emit("rebalancing");
  const silent = watched();
  silent.emit("join");
  // Its turn comes after theirs.
  await until("the third is told", () => silent.told.length > 0);
  assertEquals([early.told, rebalancing.told], [[], []]);
  for (const { stop } of [early, rebalancing, silent]) stop();
});

/** A member that runs, over a consumer that does what a test says. */
function running() {
  const { consumer, calls, emit } = fakeConsumer();
  const member = new GroupMember({ consumer: () => consumer } as unknown as Kafka, {
    access: { brokers: ["kafka:9092"] },
    group: "validator",
    topics: new Map(),
    sessionTimeoutMs: 5 * INTERVAL_MS,
    fetch: { maxBytes: 1, maxBytesPerPartition: 1, minBytes: 1, maxWaitTimeInMs: 1 },
    drainTimeoutMs: 1_000,
    log: getLogger(["nobody"]),
  });
  const controller = new AbortController();
  const ended = member.run(controller.signal, {
    onAssigned() {},
    onBatch: () => Promise.resolve(),
    onState: () => void calls.push(`ready: ${member.notReady === undefined}`),
    onStop: () => Promise.resolve(void calls.push("stop")),
  });
  return { member, calls, emit, ended, controller };
}

Deno.test("GroupMember.run: ends by its first crash, finishes what is in hand, and disconnects last", async () => {
  const { member, calls, emit, ended } = running();
  const error = new Error("the group is gone");
  emit("crash", { error });
  member.crash({ error: new Error("a later one"), fatal: true });
  assertEquals(await ended, { error, fatal: false });
  assertEquals(calls, ["connect", "subscribe", "run", "stop", "disconnect"]);
});

Deno.test("GroupMember.keepAlive: a refused login is its reason, until a heartbeat is answered", async () => {
  const { member, calls, emit, ended, controller } = running();
  const refused = Object.assign(new Error("no such user"), {
    name: "KafkaJSSASLAuthenticationError",
  });
  const batch = Promise.withResolvers<void>();
  const alive = member.keepAlive(
    { heartbeat: () => Promise.reject(refused) },
    () => batch.promise,
    () => {},
  );
  await until("it is refused", () => member.notReady !== undefined);
  assertStringIncludes(member.notReady!, "Kafka at kafka:9092: no such user");
  batch.resolve();
  await alive;
  emit("heartbeat");
  assertEquals(member.notReady, undefined);
  controller.abort();
  assertEquals(await ended, undefined);
  assertEquals(calls.slice(-3), ["ready: true", "stop", "disconnect"]);
});

Deno.test("keepMember: starts another after a crash, and ends with a bug", async () => {
  const crashes: Crash[] = [
    { error: "the broker is gone", fatal: false },
    { error: new TypeError("a bug"), fatal: true },
  ];
  const told: unknown[] = [];
  await assertRejects(
    () =>
      keepMember(
        new AbortController().signal,
        () => Promise.resolve(crashes.shift()),
        (error) => told.push(error),
      ),
    TypeError,
    "a bug",
  );
  assertEquals(told, ["the broker is gone"]);
});
