/** Who is in a consumer group, and which partitions each member owns right now. */
import type { Names } from "../topology.ts";
import type { GroupState } from "./group_lag.ts";

export interface GroupMember {
  /** What it calls itself. */
  readonly clientId: string;
  /** The address it is connected from; in Kubernetes that of its pod. */
  readonly address: string;
  /** Partition numbers by topic (its name on the cluster). */
  readonly partitions: Readonly<Record<string, readonly number[]>>;
}

export interface GroupMembers {
  readonly group: string;
  /** `Stable`, or what it is doing: a group that is rebalancing has nothing assigned. */
  readonly state: string;
  /** By address. */
  readonly members: readonly GroupMember[];
}

/** The members of a group as people and other programs are told of them. */
export function groupMembers({ group, state, memberList }: GroupState, names: Names): GroupMembers {
  const members = memberList.map(({ clientId, host, owned }) => {
    const partitions: Record<string, number[]> = {};
    for (const { topic, partition } of owned) {
      (partitions[names.topic(topic)] ??= []).push(partition);
    }
    return { clientId, address: host, partitions };
  });
  return { group, state, members: members.toSorted((a, b) => a.address.localeCompare(b.address)) };
}
