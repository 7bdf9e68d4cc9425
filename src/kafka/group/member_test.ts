import { assertEquals } from "@std/assert";
import type { Consumer } from "kafkajs";
import { watchHeartbeats } from "./member.ts";
import { until } from "../testing/topics.ts";

const INTERVAL_MS = 20;

/** A consumer that emits what a test says, and who is told what of its coordinator. */
function watched() {
  const listeners = new Map<string, Set<() => void>>();
  const consumer = {
    events: { GROUP_JOIN: "join", HEARTBEAT: "heartbeat", REBALANCING: "rebalancing" },
    on(event: string, listener: () => void) {
      const those = listeners.get(event) ?? new Set();
      listeners.set(event, those.add(listener));
      return () => those.delete(listener);
    },
  };
  const told: string[] = [];
  const stop = watchHeartbeats(consumer as unknown as Consumer, INTERVAL_MS, {
    onSilence: (reason) => told.push(reason),
    onHeard: () => told.push("heard"),
  });
  return {
    told,
    stop,
    emit: (event: string) => listeners.get(event)?.forEach((listener) => listener()),
    listening: () => [...listeners.values()].some(({ size }) => size > 0),
  };
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
