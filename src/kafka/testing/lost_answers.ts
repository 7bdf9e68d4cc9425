/** What the tests of lost and late answers share: a fault for each case, and a count of what came out. */
import { assert } from "@std/assert";
import type { Kafka } from "kafkajs";
import { settlesWithin } from "../../runtime/shutdown.ts";
import type { Names } from "../../topology.ts";
import { openLogReader } from "../readers/log_reader.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
import { readAll, until } from "./topics.ts";
import { succeeded } from "./answer_errors.ts";
import { type Fault, type FaultRule, FAULTS } from "./fault_rule.ts";
import type { ApiName, Request } from "./kafka_frames.ts";
import type { KafkaProxy } from "./kafka_proxy.ts";

export const REQUEST_TIMEOUT_MS = 2_000;
/** What is held arrives when its client has given it up. */
const HOLD_MS = 2 * REQUEST_TIMEOUT_MS;
export const LIMIT_MS = 90_000;

/**
 * One test of all faults, side by side, because most of the time they wait; Deno allows that without
 * its sanitizers alone.
 */
export function testFaults(name: string, run: (fault: Fault) => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    sanitizeExit: false,
    async fn(test) {
      await Promise.all(FAULTS.map((fault) => test.step(fault, () => run(fault))));
    },
  });
}

/** Strikes requests of clients whose name begins with `client`: of answers those that say it is done. */
export function strike(
  proxy: KafkaProxy,
  api: ApiName,
  fault: Fault,
  { client, times }: { client: string; times: number },
): FaultRule {
  return proxy.strike(api, fault, {
    times,
    holdMs: HOLD_MS,
    match: isOf(client),
    matchAnswer: succeeded,
  });
}

/** Whether a request is of a client whose name begins with `client`. */
export function isOf(client: string): (request: Request) => boolean {
  return ({ clientId }) => clientId?.startsWith(client) ?? false;
}

export async function untilThrough(rule: FaultRule): Promise<void> {
  await until("the fault has struck, and what it held is through", () => rule.done, LIMIT_MS);
}

/** How often each key is on the topic. */
export async function countsOf(kafka: Kafka, topic: string): Promise<Map<string, number>> {
  const reading = readAll(kafka, topic);
  assert(await settlesWithin(reading, LIMIT_MS), "a transaction stays open for ever");
  const decoder = new TextDecoder();
  return countEach((await reading).map(({ key }) => decoder.decode(key!)));
}

export function countEach(ids: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** What is wrong with `counts`, when each of `orders` is to be there once. */
export function wrongIn(counts: ReadonlyMap<string, number>, orders: readonly string[]) {
  const known = new Set(orders);
  return {
    lost: orders.filter((id) => !counts.has(id)),
    doubled: [...counts].filter(([, count]) => count > 1).map(([id]) => id),
    strange: [...counts.keys()].filter((id) => !known.has(id)),
  };
}

export const NOTHING = { lost: [], doubled: [], strange: [] };

/** Whether the validators' committed offsets are where its input ends. */
export async function hasCommitted(kafka: Kafka, names: Names): Promise<boolean> {
  const admin = kafka.admin();
  const [reader] = await Promise.all([openLogReader(kafka), admin.connect()]);
  try {
    const topic = names.topic("orders.raw");
    const committed = await committedOffsets(admin, names.group("validator"), topic);
    const ends = await reader.ends(topic);
    return [...ends].every(([partition, { end }]) => committed.get(partition) === end);
  } finally {
    await Promise.all([reader.close(), admin.disconnect()]);
  }
}
