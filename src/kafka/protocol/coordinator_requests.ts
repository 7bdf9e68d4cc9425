/**
 * Who coordinates a group or a transactional id, and which members a group has.
 *
 * Versions that every broker since Kafka 2.5 has: https://kafka.apache.org/protocol
 */
import type { CodeAnswer } from "./requests.ts";
import { wire, type WireRequest } from "./wire.ts";

/** The members that a group has, by the names that its coordinator gave them; none where there is no group. */
export function describeGroupRequest(
  group: string,
): WireRequest<CodeAnswer & { readonly members: readonly string[] }> {
  return wire("DescribeGroups", 15, 0, { group }, (encoder) => {
    encoder.writeInt32(1).writeString(group);
  }, (decoder) => {
    const [described] = decoder.readArray(() => {
      const code = decoder.readInt16();
      decoder.readString(); // group
      decoder.readString(); // state
      decoder.readString(); // protocol type
      decoder.readString(); // protocol
      const members = decoder.readArray(() => {
        const memberId = decoder.readString();
        decoder.readString(); // client id
        decoder.readString(); // host
        decoder.readBytes(); // metadata
        decoder.readBytes(); // assignment
        return memberId;
      });
      return { code, members };
    });
    if (!described) throw new Error("the answer lacks the group");
    const { code, members } = described;
    return { answer: { codes: [code], members }, clientSideThrottleTime: 0 };
  });
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
