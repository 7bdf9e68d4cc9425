/** Who is in a consumer group and how far it is, as people and other programs are told. */
import { type GroupState, lostBefore } from "../../kafka/offsets/group_lag.ts";
import type { Names } from "../../topology.ts";

export interface ReportedMember {
  /** What it calls itself. */
  readonly clientId: string;
  /** The address it is connected from; in Kubernetes that of its pod. */
  readonly address: string;
  /** Partition numbers by topic (its name on the cluster). */
  readonly partitions: Readonly<Record<string, readonly number[]>>;
  /** The topics that it reads (names on the cluster); null while the group rebalances. */
  readonly subscription: readonly string[] | null;
  /** It reads something else than the group's own members: another application. */
  readonly isForeign: boolean;
}

export interface GroupMembers {
  readonly group: string;
  /** `Stable`, or what it is doing: a group that is rebalancing has nothing assigned. */
  readonly state: string;
  /** By address. */
  readonly members: readonly ReportedMember[];
}

/** The members of a group as people and other programs are told of them. */
export function groupMembers({ group, state, memberList }: GroupState, names: Names): GroupMembers {
  const members = memberList.map((member) => {
    const { clientId, host, owned, subscription = null, isForeign } = member;
    const partitions: Record<string, number[]> = {};
    for (const { topic, partition } of owned) {
      (partitions[names.topic(topic)] ??= []).push(partition);
    }
    return { clientId, address: host, partitions, subscription, isForeign };
  });
  return { group, state, members: members.toSorted((a, b) => a.address.localeCompare(b.address)) };
}

/** How far a group is in one partition, as people and other programs are told. */
export interface PartitionState {
  /** Its name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  /** The next offset that the group will read; null where it has committed none. */
  readonly committed: number | null;
  /** The offset after the last record. */
  readonly end: number;
  /** Messages that wait; a control record counts as one. */
  readonly lag: number;
  /** Offsets that were deleted before the group had read them. */
  readonly lost: number;
  /** Client id and address; null where nobody owns it. */
  readonly owner: { readonly clientId: string; readonly address: string } | null;
}

/** The partitions of a group, in the order of the flow. */
export function partitionStates(state: GroupState, names: Names): PartitionState[] {
  return state.positions.map((position) => {
    const { topic, partition, committed, stored, end } = position;
    const owner = state.memberList.find(({ owned }) =>
      owned.some((own) => own.topic === topic && own.partition === partition)
    );
    return {
      topic: names.topic(topic),
      partition,
      committed: stored ?? null,
      end,
      lag: Math.max(0, end - committed),
      lost: lostBefore(position),
      owner: owner ? { clientId: owner.clientId, address: owner.host } : null,
    };
  });
}
