/** What coordinators are asked of groups: their members, and what they have committed. */
import { type Broker, knows } from "../client/cluster.ts";
import { readCompactTopics } from "../protocol/topic_arrays.ts";
import { type Decoder, NO_TAGS, wire, type WireRequest } from "../protocol/wire.ts";
import type { GroupAnswer } from "./group_coordinators.ts";

export interface DescribedGroup extends GroupAnswer {
  /** Kafka's word. */
  readonly state: string;
  readonly members: readonly DescribedMember[];
}

export interface DescribedMember {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  readonly metadata: Uint8Array;
  readonly assignment: Uint8Array;
}

/** A group that is not there is Dead. */
export function describeGroupsRequest(
  groups: readonly string[],
): WireRequest<readonly DescribedGroup[]> {
  return wire("DescribeGroups", 15, 0, { groups }, (encoder) => {
    encoder.writeInt32(groups.length);
    for (const group of groups) encoder.writeString(group);
  }, (decoder) => ({ answer: decoder.readArray(readGroup), clientSideThrottleTime: 0 }));
}

function readGroup(decoder: Decoder): DescribedGroup {
  const code = decoder.readInt16();
  const group = decoder.readString();
  const state = decoder.readString();
  decoder.readString(); // protocol type
  decoder.readString(); // protocol
  const members = decoder.readArray(() => ({
    memberId: decoder.readString(),
    clientId: decoder.readString(),
    host: decoder.readString(),
    metadata: decoder.readBytes() ?? new Uint8Array(),
    assignment: decoder.readBytes() ?? new Uint8Array(),
  }));
  return { group, code, state, members };
}

export interface CommittedByGroup extends GroupAnswer {
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
  }[];
}

const OFFSET_FETCH = 9;
/** Since Kafka 3.0: the first version that asks of several groups. */
const OF_SEVERAL = 8;
const OF_ONE = 7;
/** For null: all topics. */
const ALL = 0;

/** All that the groups have committed, as it is now: an open transaction may change it. */
export function committedRequests(
  coordinator: Broker,
  groups: readonly string[],
): WireRequest<readonly CommittedByGroup[]>[] {
  return knows(coordinator, { apiKey: OFFSET_FETCH, version: OF_SEVERAL })
    ? [committedRequest(groups)]
    : groups.map(committedRequestOfOne);
}

function committedRequest(groups: readonly string[]): WireRequest<readonly CommittedByGroup[]> {
  return wire("OffsetFetch", OFFSET_FETCH, OF_SEVERAL, { groups }, (encoder) => {
    encoder.writeUVarInt(NO_TAGS).writeUVarInt(groups.length + 1);
    for (const group of groups) {
      encoder.writeUVarIntString(group).writeUVarInt(ALL).writeUVarInt(NO_TAGS);
    }
    encoder.writeBoolean(false).writeUVarInt(NO_TAGS);
  }, (decoder) => {
    decoder.readTaggedFields();
    const clientSideThrottleTime = decoder.readInt32();
    const answer = decoder.readUVarIntArray(() => {
      const group = decoder.readUVarIntString() ?? "";
      const committed = readCommitted(decoder, group);
      decoder.readTaggedFields();
      return committed;
    });
    return { answer: answer ?? [], clientSideThrottleTime };
  });
}

function committedRequestOfOne(group: string): WireRequest<readonly CommittedByGroup[]> {
  return wire("OffsetFetch", OFFSET_FETCH, OF_ONE, { group }, (encoder) => {
    encoder.writeUVarInt(NO_TAGS).writeUVarIntString(group).writeUVarInt(ALL);
    encoder.writeBoolean(false).writeUVarInt(NO_TAGS);
  }, (decoder) => {
    decoder.readTaggedFields();
    const clientSideThrottleTime = decoder.readInt32();
    return { answer: [readCommitted(decoder, group)], clientSideThrottleTime };
  });
}

function readCommitted(decoder: Decoder, group: string): CommittedByGroup {
  const offsets = readCompactTopics(decoder, () => {
    const partition = decoder.readInt32();
    const offset = Number(decoder.readInt64());
    decoder.readInt32(); // leader epoch
    decoder.readUVarIntString(); // metadata
    const code = decoder.readInt16();
    decoder.readTaggedFields();
    return { partition, offset, code };
  });
  const code = decoder.readInt16();
  return { group, code: code || (offsets.find(({ code }) => code !== 0)?.code ?? 0), offsets };
}
