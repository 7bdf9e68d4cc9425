/** Requests that the loop leaves to kafkajs, or does not send: a group's member's, fetches, elections. */
import { bufferOf } from "../../runtime/buffer.ts";
import { decodeBatches } from "../../kafka/protocol/decode.ts";
import type { DecodedRecord } from "../../kafka/protocol/record.ts";
import type { FetchedOffsets, TopicPartition } from "../../kafka/protocol/requests.ts";
import { readTopics } from "../../kafka/protocol/topic_arrays.ts";
import { type Decoder, type Encoder, wire, type WireRequest } from "../../kafka/protocol/wire.ts";

type BytesEncoder = Encoder & { writeBytes(bytes: Uint8Array): Encoder };
type BytesDecoder = Decoder & { readBytes(): Uint8Array | null };

const PROTOCOL_TYPE = "consumer";
const PROTOCOL = "contract";

const bytesOf = (text: unknown) => bufferOf(new TextEncoder().encode(String(text)));
const textOf = (decoder: Decoder) =>
  new TextDecoder().decode((decoder as BytesDecoder).readBytes() ?? new Uint8Array());

function writeText(encoder: Encoder, text: unknown): void {
  (encoder as BytesEncoder).writeBytes(bytesOf(text));
}

export interface JoinAnswer {
  readonly code: number;
  readonly generation: number;
  readonly leaderId: string;
  readonly memberId: string;
  /** For the leader alone. */
  readonly members: readonly { readonly memberId: string; readonly metadata: unknown }[];
}

/** The coordinator answers when all members have joined. */
export function joinGroupRequest(fields: {
  readonly group: string;
  /** "" at first. */
  readonly memberId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly metadata: string;
}): WireRequest<JoinAnswer> {
  return wire("JoinGroup", 11, 2, fields, (encoder) => {
    encoder.writeString(fields.group).writeInt32(fields.sessionTimeoutMs);
    encoder.writeInt32(fields.rebalanceTimeoutMs).writeString(fields.memberId);
    encoder.writeString(PROTOCOL_TYPE).writeInt32(1).writeString(PROTOCOL);
    writeText(encoder, fields.metadata);
  }, (decoder) => {
    const clientSideThrottleTime = decoder.readInt32();
    const code = decoder.readInt16();
    const generation = decoder.readInt32();
    decoder.readString(); // protocol
    const leaderId = decoder.readString();
    const memberId = decoder.readString();
    const members = decoder.readArray(() => ({
      memberId: decoder.readString(),
      metadata: textOf(decoder),
    }));
    return { answer: { code, generation, leaderId, memberId, members }, clientSideThrottleTime };
  });
}

/** The coordinator answers when the leader's has come. */
export function syncGroupRequest(fields: {
  readonly group: string;
  readonly generation: number;
  readonly memberId: string;
  readonly assignments: readonly { readonly memberId: string; readonly assignment: string }[];
}): WireRequest<{ readonly code: number; readonly assignment: unknown }> {
  return wire("SyncGroup", 14, 1, fields, (encoder) => {
    encoder.writeString(fields.group).writeInt32(fields.generation).writeString(fields.memberId);
    encoder.writeInt32(fields.assignments.length);
    for (const { memberId, assignment } of fields.assignments) {
      encoder.writeString(memberId);
      writeText(encoder, assignment);
    }
  }, (decoder) => {
    const clientSideThrottleTime = decoder.readInt32();
    const code = decoder.readInt16();
    return { answer: { code, assignment: textOf(decoder) }, clientSideThrottleTime };
  });
}

export function heartbeatRequest(
  group: string,
  generation: number,
  memberId: string,
): WireRequest<{ readonly code: number }> {
  return wire("Heartbeat", 12, 1, { group, generation, memberId }, (encoder) => {
    encoder.writeString(group).writeInt32(generation).writeString(memberId);
  }, readCode);
}

export function leaveGroupRequest(
  group: string,
  memberId: string,
): WireRequest<{ readonly code: number }> {
  return wire("LeaveGroup", 13, 1, { group, memberId }, (encoder) => {
    encoder.writeString(group).writeString(memberId);
  }, readCode);
}

/** A group's committed offset, without `require_stable`. */
export function unstableOffsetFetchRequest(
  group: string,
  { topic, partition }: TopicPartition,
): WireRequest<FetchedOffsets> {
  const fields = { group, partitions: [{ topic, partition }], requireStable: false };
  return wire("OffsetFetch", 9, 3, fields, (encoder) => {
    encoder.writeString(group).writeInt32(1).writeString(topic).writeInt32(1).writeInt32(partition);
  }, (decoder) => {
    const clientSideThrottleTime = decoder.readInt32();
    const partitions = readTopics(decoder, () => {
      const partition = decoder.readInt32();
      const offset = Number(decoder.readInt64());
      decoder.readString(); // metadata
      return { partition, offset, code: decoder.readInt16() };
    });
    return { answer: { codes: [decoder.readInt16()], partitions }, clientSideThrottleTime };
  });
}

export interface FetchAnswer {
  readonly code: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStart: number;
  readonly aborted: readonly { readonly producerId: string; readonly firstOffset: string }[];
  readonly records: readonly DecodedRecord[];
}

export interface FetchOptions {
  readonly isolation: "committed" | "uncommitted";
  /** How long it waits for the first record (default: not at all). */
  readonly maxWaitMs?: number;
  /** (default: 1 MiB) */
  readonly maxBytes?: number;
}

/** Of one partition. */
export function fetchRequest(
  { topic, partition }: TopicPartition,
  offset: number,
  { isolation, maxWaitMs = 0, maxBytes = 1024 * 1024 }: FetchOptions,
): WireRequest<FetchAnswer> {
  const fields = {
    partitions: [{ topic, partition, offset }],
    maxWaitMs,
    maxBytesPerPartition: maxBytes,
  };
  return wire("Fetch", 1, 5, fields, (encoder) => {
    encoder.writeInt32(-1).writeInt32(maxWaitMs).writeInt32(1).writeInt32(maxBytes);
    encoder.writeBoolean(isolation === "committed");
    encoder.writeInt32(1).writeString(topic).writeInt32(1).writeInt32(partition);
    encoder.writeInt64(offset).writeInt64(-1).writeInt32(maxBytes);
  }, (decoder) => {
    const clientSideThrottleTime = decoder.readInt32();
    const [answer] = decoder.readArray(() => {
      decoder.readString(); // topic
      return decoder.readArray(() => readFetched(decoder));
    }).flat();
    if (!answer) throw new Error("the answer lacks the partition");
    return { answer, clientSideThrottleTime };
  });
}

function readFetched(decoder: Decoder): FetchAnswer {
  decoder.readInt32(); // partition
  const code = decoder.readInt16();
  const [highWatermark = 0, lastStableOffset = 0, logStart = 0] = [1, 2, 3]
    .map(() => Number(decoder.readInt64()));
  const aborted = decoder.readArray(() => ({
    producerId: String(decoder.readInt64()),
    firstOffset: String(decoder.readInt64()),
  }));
  const bytes = (decoder as BytesDecoder).readBytes() ?? new Uint8Array();
  const records = decodeBatches(bufferOf(bytes));
  return { code, highWatermark, lastStableOffset, logStart, aborted, records };
}

/** Lets the first of a partition's replicas lead it. */
export function electLeaderRequest(
  { topic, partition }: TopicPartition,
): WireRequest<{ readonly code: number }> {
  return wire("ElectLeaders", 43, 1, {}, (encoder) => {
    encoder.writeBoolean(false); // the preferred one
    encoder.writeInt32(1).writeString(topic).writeInt32(1).writeInt32(partition).writeInt32(10_000);
  }, readCode);
}

function readCode(decoder: Decoder) {
  const clientSideThrottleTime = decoder.readInt32();
  return { answer: { code: decoder.readInt16() }, clientSideThrottleTime };
}
