/** What the tests of lost and late answers share: a fault for each case, and a count of the results. */
import { assert } from "@std/assert";
import { Buffer } from "node:buffer";
import type { Kafka } from "kafkajs";
import { settlesWithin } from "../../runtime/shutdown.ts";
import type { Names } from "../../topology.ts";
import { openLogReader } from "../readers/log_reader.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
import { until } from "../../runtime/until.ts";
import { readCompactTopics } from "../protocol/topic_arrays.ts";
import { NewDecoder } from "../protocol/wire.ts";
import { readAll } from "./topics.ts";
import { type Fault, type FaultRule, FAULTS } from "./fault_rule.ts";
import type { ApiName, Request } from "./kafka_frames.ts";
import type { KafkaProxy } from "./kafka_proxy.ts";

export const REQUEST_TIMEOUT_MS = 2_000;
/** A held frame arrives after its client has given up. */
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

/** Strikes requests of clients whose name begins with `client`; of answers, successful ones. */
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

/** Whether the client of a request has a name that begins with `client`. */
export function isOf(client: string): (request: Request) => boolean {
  return ({ clientId }) => clientId?.startsWith(client) ?? false;
}

export async function untilThrough(rule: FaultRule): Promise<void> {
  await until("the fault has struck, and what it held is through", () => rule.done, LIMIT_MS);
}

/** How often each key is on the topic. */
export async function countsOf(kafka: Kafka, topic: string): Promise<Map<string, number>> {
  const reading = readAll(kafka, topic);
  assert(await settlesWithin(reading, LIMIT_MS), "a transaction stays open forever");
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

/** Whether the committed offsets of the validator are at the end of its input. */
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

/**
 * Where the error codes stand: one after the throttle time, or one a partition after or before it;
 * `compact`: after it in the encoding of flexible versions.
 */
interface Shape {
  readonly codes: "one" | "behind" | "before" | "compact";
  /** The versions with this shape; later ones encode differently. */
  readonly versions: readonly [first: number, last: number];
}

const SHAPES: { readonly [A in ApiName]?: Shape } = {
  Produce: { codes: "before", versions: [5, 7] },
  InitProducerId: { codes: "one", versions: [0, 1] },
  AddPartitionsToTxn: { codes: "behind", versions: [0, 2] },
  AddOffsetsToTxn: { codes: "one", versions: [0, 2] },
  EndTxn: { codes: "one", versions: [0, 2] },
  TxnOffsetCommit: { codes: "compact", versions: [3, 4] },
};

/** Length and correlation id. */
const HEADER_BYTES = 8;
const THROTTLE_BYTES = 4;
/** What follows the code of a partition in the answer to Produce: an offset and two times. */
const PRODUCED_BYTES = 24;

/**
 * Whether the broker carried out the request; for a rule's `matchAnswer`.
 *
 * @throws {TypeError} a version whose answer this does not know
 */
export function succeeded(answer: Uint8Array, { apiKey, apiName, apiVersion }: Request): boolean {
  const shape = apiName && SHAPES[apiName];
  if (!shape || apiVersion < shape.versions[0] || apiVersion > shape.versions[1]) {
    throw new TypeError(`the answer to API ${apiKey}, version ${apiVersion}, is not known here`);
  }
  if (shape.codes === "compact") return codesOfCompact(answer).every((code) => code === 0);
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  if (shape.codes === "one") return view.getInt16(HEADER_BYTES + THROTTLE_BYTES) === 0;
  const before = shape.codes === "before";
  let at = HEADER_BYTES + (before ? 0 : THROTTLE_BYTES);
  const next = () => view.getInt32((at += 4) - 4);
  for (let topics = next(); topics > 0; topics--) {
    at += 2 + view.getInt16(at);
    for (let partitions = next(); partitions > 0; partitions--) {
      if (view.getInt16(at + 4) !== 0) return false;
      at += 4 + 2 + (before ? PRODUCED_BYTES : 0);
    }
  }
  return true;
}

function codesOfCompact(answer: Uint8Array): number[] {
  const decoder = new NewDecoder(Buffer.from(answer.subarray(HEADER_BYTES)));
  decoder.readTaggedFields();
  decoder.readInt32(); // throttle time
  const partitions = readCompactTopics(decoder, () => {
    decoder.readInt32(); // partition
    const code = decoder.readInt16();
    decoder.readTaggedFields();
    return { code };
  });
  return partitions.map(({ code }) => code);
}
