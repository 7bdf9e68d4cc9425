/** Which pod owns which partitions, by what Kafka says of its consumer groups. */
import type { GroupMembers } from "../commands/groups/members.ts";
import type { Cluster } from "./cluster.ts";

/** What `groups --json` prints of a group. */
export interface Group extends GroupMembers {
  readonly service: string;
  readonly lagMessages: number;
}

/** Analytics may look at every group: asks Kafka from its pod, with its credentials. */
export const GROUPS_COMMAND = ["exec", "deployment/orderflow-analytics", "--", "groups"];

export async function groupOf(cluster: Cluster, service: string): Promise<Group> {
  const printed = await cluster.kubectl([...GROUPS_COMMAND, service, "--json"]);
  return JSON.parse(printed)[0];
}

/** Whether `members` members own every partition between them, none of them nothing. */
export function isBalanced({ state, members }: Group, count: number): boolean {
  return state === "Stable" && members.length === count &&
    members.every(({ partitions }) => Object.values(partitions).some(({ length }) => length > 0));
}

/**
 * A line a pod: its name and its partitions.
 *
 * @param nameByAddress the pods' names
 */
export function ownershipLines(
  { members }: Group,
  nameByAddress: ReadonlyMap<string, string>,
): string[] {
  return members.map(({ address, partitions }) => {
    const owned = Object.entries(partitions)
      .filter(([, numbers]) => numbers.length > 0)
      .map(([topic, numbers]) => `${topic} ${numbers.join(" ")}`);
    return `${nameByAddress.get(address) ?? address}: ${owned.join("; ") || "nothing"}`;
  });
}
