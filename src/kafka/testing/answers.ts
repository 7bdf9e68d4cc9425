/** Answers of Kafka as bytes, in the versions that kafkajs asks for, for scripted servers. */
import { Buffer } from "node:buffer";
import { LOOPBACK } from "../../local/kafka/ports.ts";
import { type Encoder, NewDecoder, NewEncoder } from "../protocol/wire.ts";
import { API_KEYS, type ApiName, type Request } from "./kafka_frames.ts";
import type { RuleOptions } from "./fault_rule.ts";

export function encoded(write: (encoder: Encoder) => unknown): Uint8Array {
  const encoder = new NewEncoder();
  write(encoder);
  return encoder.buffer;
}

function array<T>(encoder: Encoder, items: readonly T[], write: (item: T) => unknown): void {
  encoder.writeInt32(items.length);
  for (const item of items) write(item);
}

/**
 * ApiVersions, version 2: a broker that knows every version of `apis`, by default of all named.
 *
 * @param newest versions up to which it knows some
 */
export function apiVersionsAnswer(
  apis: readonly ApiName[] = Object.keys(API_KEYS) as ApiName[],
  newest: { readonly [A in ApiName]?: number } = {},
): Uint8Array {
  return encoded((encoder) => {
    encoder.writeInt16(0);
    array(
      encoder,
      apis,
      (api) => encoder.writeInt16(API_KEYS[api]).writeInt16(0).writeInt16(newest[api] ?? 20),
    );
    encoder.writeInt32(0);
  });
}

export interface ScriptedTopic {
  readonly topic: string;
  /** (default: 0) */
  readonly code?: number;
  /** Of each partition; -1: none. */
  readonly leaders: readonly number[];
}

/** Metadata, version 6. Brokers by their ids. */
export function metadataAnswer(
  brokers: Readonly<Record<number, { readonly port: number }>>,
  topics: readonly ScriptedTopic[],
): Uint8Array {
  const LEADER_NOT_AVAILABLE = 5;
  return encoded((encoder) => {
    encoder.writeInt32(0);
    array(
      encoder,
      Object.entries(brokers),
      ([id, { port }]) =>
        encoder.writeInt32(Number(id)).writeString(LOOPBACK).writeInt32(port).writeString(null),
    );
    encoder.writeString("cluster").writeInt32(1);
    array(encoder, topics, ({ topic, code = 0, leaders }) => {
      encoder.writeInt16(code).writeString(topic).writeBoolean(false);
      array(encoder, [...leaders.entries()], ([partition, leader]) => {
        encoder.writeInt16(leader < 0 ? LEADER_NOT_AVAILABLE : 0);
        encoder.writeInt32(partition).writeInt32(leader);
        for (const _of of ["replicas", "in sync", "offline"]) encoder.writeInt32(0);
      });
    });
  });
}

/** FindCoordinator, versions 1 and 2. */
export function coordinatorAnswer(
  { code = 0, nodeId = -1, port = -1 }: { code?: number; nodeId?: number; port?: number },
): Uint8Array {
  return encoded((encoder) => {
    encoder.writeInt32(0).writeInt16(code).writeString(null);
    encoder.writeInt32(nodeId).writeString(LOOPBACK).writeInt32(port);
  });
}

/** The names of the topics that a Metadata request asks for, versions 4 to 6. */
export function topicsAskedFor(body: Uint8Array): string[] {
  return new NewDecoder(Buffer.from(body)).readArray((decoder) => decoder.readString());
}

/** An answer that no broker should give, for a proxy that replaces the true one by it. */
export interface Oddity {
  readonly what: string;
  readonly apis: readonly ApiName[];
  readonly alter: NonNullable<RuleOptions["alter"]>;
}

/** Length and correlation id. */
const LENGTH_BYTES = 4;
const HEADER_BYTES = 8;

/** The requests of readers and writers, once they know the cluster. */
const WORK: readonly ApiName[] = [
  "Fetch",
  "ListOffsets",
  "OffsetFetch",
  "Produce",
  "InitProducerId",
];

/**
 * Answers to clients that do not know the cluster yet.
 *
 * @param port advertised for the broker
 * @param topics of the cluster, each with `partitions` partitions
 */
export function oddBeginnings(
  port: number,
  topics: readonly string[],
  partitions: number,
): Oddity[] {
  const leaders = Array.from({ length: partitions }, () => 1);
  const all = topics.map((topic) => ({ topic, leaders }));
  const metadata = (what: string, ...of: Parameters<typeof metadataAnswer>): Oddity => ({
    what: `metadata without ${what}`,
    apis: ["Metadata"],
    alter: (frame) => withBody(frame, metadataAnswer(...of)),
  });
  const withoutWork = apiVersionsAnswer(
    (Object.keys(API_KEYS) as ApiName[]).filter((api) => !WORK.includes(api)),
  );
  return [
    metadata("topics", { 1: { port } }, []),
    metadata("brokers", {}, all),
    { what: "half of the metadata", apis: ["Metadata"], alter: half },
    {
      what: "ApiVersions without what is needed",
      apis: ["ApiVersions"],
      alter: (frame) => withBody(frame, withoutWork),
    },
  ];
}

/** Answers to clients at work. */
export const ODD_ANSWERS: readonly Oddity[] = [
  // More of a fetch would be a batch that is cut off, which is as it should be.
  {
    what: "the beginning of an answer",
    apis: WORK,
    alter: (frame) => cut(frame, HEADER_BYTES + 10),
  },
  {
    what: "a fetch that is answered for no partition",
    apis: ["Fetch"],
    alter: (frame) => withBody(frame, new Uint8Array(frame.length - HEADER_BYTES)),
  },
  {
    what: "a frame too short for a correlation id",
    apis: WORK,
    alter: (frame) => cut(frame, LENGTH_BYTES + 2),
  },
];

/** An answer to a request that was never made: the client ignores it. */
export function strangersAnswer(frame: Uint8Array, { correlationId }: Request): Uint8Array {
  const copy = frame.slice();
  new DataView(copy.buffer).setInt32(LENGTH_BYTES, correlationId + 1_000_000);
  return copy;
}

function half(frame: Uint8Array): Uint8Array {
  return cut(frame, HEADER_BYTES + ((frame.length - HEADER_BYTES) >> 1));
}

/** The first bytes, as a whole frame. */
function cut(frame: Uint8Array, bytes: number): Uint8Array {
  const copy = frame.slice(0, bytes);
  new DataView(copy.buffer).setInt32(0, bytes - LENGTH_BYTES);
  return copy;
}

function withBody(frame: Uint8Array, body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(HEADER_BYTES + body.length);
  whole.set(frame.subarray(0, HEADER_BYTES));
  whole.set(body, HEADER_BYTES);
  return cut(whole, whole.length);
}
