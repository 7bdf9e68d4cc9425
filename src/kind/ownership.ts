/** Which pod owns which partitions, as Kafka tells of its consumer groups. */
import type { GroupMembers } from "../commands/groups/list.ts";
import { until } from "../runtime/until.ts";
import type { Cluster } from "./cluster.ts";

/** What `groups --json` prints of a group. */
export interface Group extends GroupMembers {
  readonly service: string;
  readonly lagMessages: number;
}

/** Asks Kafka from the analytics pod, whose user may describe every group. */
export const GROUPS_COMMAND = ["exec", "deployment/orderflow-analytics", "--", "groups"];

async function groupOf(cluster: Cluster, service: string): Promise<Group> {
  const printed = await cluster.kubectl([...GROUPS_COMMAND, service, "--json"]);
  return JSON.parse(printed)[0];
}

const BALANCED_LIMIT_MS = 120_000;
const BALANCED_POLL_MS = 500;

/**
 * Waits until `members` members of a service's group own every partition between them.
 *
 * @returns the group
 * @throws {Error} they do not within two minutes
 */
export async function untilBalanced(
  cluster: Cluster,
  service: string,
  members: number,
): Promise<Group> {
  let group: Group;
  await until(
    `${members} members of ${service} share the partitions`,
    async () => isBalanced(group = await groupOf(cluster, service), members),
    BALANCED_LIMIT_MS,
    BALANCED_POLL_MS,
  );
  return group!;
}

/** Whether `count` members own every partition between them, and each of them some. */
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
