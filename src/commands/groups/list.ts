/** The consumer groups, their members and their offsets, for people and for other programs. */
import { ExponentialBackoff, handleWhen, retry } from "cockatiel";
import { isCoordinatorMoving } from "../../kafka/client/errors.ts";
import { createGroupLagReader, type GroupState } from "../../kafka/offsets/group_lag.ts";
import { alignColumns, formatCount, plural } from "../../runtime/format.ts";
import { CONSUMERS, type Names, type Service } from "../../topology.ts";
import type { OpenLog } from "../../kafka/readers/open_log.ts";
import {
  type GroupMembers,
  groupMembers,
  type PartitionState,
  partitionStates,
  type ReportedMember,
} from "./members.ts";

/** About 25 seconds in all. */
const patience = retry(handleWhen(isCoordinatorMoving), {
  maxAttempts: 30,
  backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: 1_000 }),
});

/**
 * All groups of the topology, in the order of the flow, as Kafka describes them now; waits for
 * coordinators that move.
 *
 * @param service only its group: a user that may look at no other may ask
 */
export async function readGroups(
  { kafka, names }: Pick<OpenLog, "kafka" | "names">,
  signal: AbortSignal,
  service?: Service,
): Promise<GroupState[]> {
  const lags = createGroupLagReader(kafka, names, service);
  try {
    const states = await patience.execute(() => lags.read(), signal);
    const place = ({ service }: GroupState) => CONSUMERS.indexOf(service);
    return states.toSorted((a, b) => place(a) - place(b));
  } finally {
    await lags.close();
  }
}

/** A group as `--json` prints it. */
export interface Group extends GroupMembers {
  readonly service: string;
  readonly lagMessages: number;
  readonly partitions: readonly PartitionState[];
}

export function toGroup(state: GroupState, names: Names): Group {
  return {
    service: state.service,
    lagMessages: state.lagMessages,
    ...groupMembers(state, names),
    partitions: partitionStates(state, names),
  };
}

/** @param options.partitions shows all of them, not only those that lost records */
export function groupLines(
  group: Group,
  options: { partitions: boolean },
): string[] {
  const { service, members, partitions } = group;
  const shown = partitions.filter(({ lost }) => options.partitions || lost > 0);
  const rows = shown.map(({ topic, partition, committed, end, lag, lost, owner }) => [
    `${topic}/${partition}`,
    committed === null ? "nothing" : formatCount(committed),
    formatCount(end),
    formatCount(lag),
    formatCount(lost),
    owner ? `${owner.address} ${owner.clientId}` : "no owner",
  ]);
  return [
    `${service}: ${statusOf(group)}`,
    ...members.map(memberLine),
    ...columns([["partition", "committed", "end", "lag", "lost", "owner"], ...rows])
      .slice(rows.length > 0 ? 0 : 1),
  ];
}

/** Kafka says `Dead` of a group that it does not know, and of one that it has forgotten. */
function statusOf({ service, state, members, lagMessages }: Group): string {
  const isUnknown = state === "Dead";
  if (service === "analytics" && members.length === 0) {
    const group = isUnknown ? "no group" : `${state}, no members`;
    return `${group}; with --from-beginning, as in the demo, it reads the log outside of the group, ` +
      "and its page says how far it is";
  }
  if (isUnknown) {
    return `no group: it has no members and has committed no offset, ${
      plural(lagMessages, "message")
    } to read`;
  }
  return `${state}, ${plural(members.length, "member")}, ${plural(lagMessages, "message")} behind`;
}

function memberLine({ address, clientId, partitions, subscription, isForeign }: ReportedMember) {
  if (isForeign) {
    const reads = subscription?.join(", ") ?? "unknown topics";
    return `  ${address} ${clientId}: another application, which reads ${reads}`;
  }
  const owned = Object.entries(partitions)
    .map(([topic, numbers]) => `${topic} ${numbers.join(",")}`);
  return `  ${address} ${clientId}: ${owned.join("; ") || "nothing"}`;
}

/** Rows of cells under each other; numbers to the right, first and last cell to the left. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const isLeft = (column: number, columns: number) => column === 0 || column === columns - 1;
  return alignColumns(rows, "  ", isLeft).map((line) => `  ${line.trimEnd()}`);
}
