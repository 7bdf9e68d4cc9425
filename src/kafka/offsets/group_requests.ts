/** What coordinators are asked of groups: their members, and what they have committed. */
import { type Broker, knows } from "../client/cluster.ts";
import { type DescribedGroup, readDescribedGroup } from "../protocol/coordinator_requests.ts";
import { type FetchedOffset, readFetchedOffsets } from "../protocol/requests.ts";
import { type Decoder, NO_TAGS, wire, type WireRequest } from "../protocol/wire.ts";
import type { GroupAnswer } from "./group_coordinators.ts";

/** A group that is not there is Dead. */
export function describeGroupsRequest(
  groups: readonly string[],
): WireRequest<readonly DescribedGroup[]> {
  return wire(
    "DescribeGroups",
    15,
    0,
    { groups },
    (encoder) => {
      encoder.writeInt32(groups.length);
      for (const group of groups) encoder.writeString(group);
    },
    (decoder) => ({
      answer: decoder.readArray(() => readDescribedGroup(decoder)),
      clientSideThrottleTime: 0,
    }),
  );
}

export interface CommittedByGroup extends GroupAnswer {
  readonly offsets: readonly FetchedOffset[];
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
  const offsets = readFetchedOffsets(decoder);
  const code = decoder.readInt16();
  return { group, code: code || (offsets.find(({ code }) => code !== 0)?.code ?? 0), offsets };
}
