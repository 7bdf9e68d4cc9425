/** Who is in a consumer group, and which partitions each member owns right now. */
import { type Admin, AssignerProtocol } from "kafkajs";

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

export async function groupMembers(
  admin: Admin,
  groups: readonly string[],
): Promise<GroupMembers[]> {
  const { groups: described } = await admin.describeGroups([...groups]);
  return described.map(({ groupId, state, members }) => ({
    group: groupId,
    state,
    members: members.map(({ clientId, clientHost, memberAssignment }) => ({
      clientId,
      address: clientHost.replace(/^\//, ""),
      partitions: partitionsIn(memberAssignment),
    })).toSorted((a, b) => a.address.localeCompare(b.address)),
  }));
}

function partitionsIn(assignment: Uint8Array): GroupMember["partitions"] {
  // Empty while the group is rebalancing.
  if (assignment.length === 0) return {};
  const decoded = AssignerProtocol.MemberAssignment.decode(assignment as never);
  return Object.fromEntries(
    Object.entries(decoded?.assignment ?? {}).map((
      [topic, partitions],
    ) => [topic, partitions.toSorted((a, b) => a - b)]),
  );
}
