/**
 * Who coordinates a group or a transactional id, and which members a group has.
 *
 * Versions that every broker since Kafka 2.5 has: https://kafka.apache.org/protocol
 */
import type { CodeAnswer } from "./requests.ts";
import { type Decoder, wire, type WireRequest } from "./wire.ts";

export interface DescribedGroup {
  readonly group: string;
  /** Kafka's; 0: no error. */
  readonly code: number;
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

/** The members that a group has, by the names that its coordinator gave them; none where there is no group. */
export function describeGroupRequest(
  group: string,
): WireRequest<CodeAnswer & { readonly members: readonly string[] }> {
  return wire("DescribeGroups", 15, 0, { group }, (encoder) => {
    encoder.writeInt32(1).writeString(group);
  }, (decoder) => {
    const [described] = decoder.readArray(() => readDescribedGroup(decoder));
    if (!described) throw new Error("the answer lacks the group");
    const { code } = described;
    const members = described.members.map(({ memberId }) => memberId);
    return { answer: { codes: [code], members }, clientSideThrottleTime: 0 };
  });
}

/** From an answer to DescribeGroups in version 0. */
export function readDescribedGroup(decoder: Decoder): DescribedGroup {
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

/** Which broker is the coordinator, as the one that is asked knows it. */
export function findCoordinatorRequest(
  key: string,
  type: "group" | "transaction",
): WireRequest<{ readonly code: number; readonly node: number }> {
  return wire("FindCoordinator", 10, 1, { type, key }, (encoder) => {
    encoder.writeString(key).writeInt8(COORDINATOR_TYPES[type]);
  }, (decoder) => {
    const clientSideThrottleTime = decoder.readInt32();
    const code = decoder.readInt16();
    decoder.readString(); // in words
    return { answer: { code, node: decoder.readInt32() }, clientSideThrottleTime };
  });
}

/** Kafka's numbers. */
export const COORDINATOR_TYPES = { group: 0, transaction: 1 } as const;
