/** The consumer groups, their members and their offsets, for people and for other programs. */
import {
  createGroupLagReader,
  type GroupState,
  lostBefore,
} from "../../kafka/offsets/group_lag.ts";
import type { Names, Service } from "../../topology.ts";
import { ExponentialBackoff, handleWhen, retry } from "cockatiel";
import { isCoordinatorMoving } from "../../kafka/client/errors.ts";
import { alignColumns, formatCount, plural } from "../../runtime/format.ts";
import type { OpenLog } from "../../kafka/readers/open_log.ts";

interface ReportedMember {
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

function groupMembers({ group, state, memberList }: GroupState, names: Names): GroupMembers {
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

/** How far a group is in one partition. */
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
  /** Client id and address; null where no member owns it. */
  readonly owner: { readonly clientId: string; readonly address: string } | null;
}

/** In the order of the flow. */
function partitionStates(state: GroupState, names: Names): PartitionState[] {
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
    return await patience.execute(() => lags.read(), signal);
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

/** How many partitions of a group are shown without `--all`. */
export const MAX_SHOWN = 20;

/**
 * @param show of its partitions: those that lost records; the ones furthest behind; or every one. Of
 * the first two at most `MAX_SHOWN`, and in a line what the others come to
 */
export function groupLines(group: Group, show: "lost" | "worst" | "all"): string[] {
  const { service, members, partitions } = group;
  const wanted = show === "lost" ? partitions.filter(({ lost }) => lost > 0) : partitions;
  const worst = new Set(
    wanted.toSorted(worstFirst).slice(0, show === "all" ? Infinity : MAX_SHOWN),
  );
  const rows = wanted.filter((partition) => worst.has(partition)).map(partitionRow);
  return [
    `${service}: ${statusOf(group)}`,
    ...members.map(memberLine),
    ...columns([["partition", "committed", "end", "lag", "lost", "owner"], ...rows])
      .slice(rows.length > 0 ? 0 : 1),
    ...restLine(wanted.filter((partition) => !worst.has(partition))),
  ];
}

function worstFirst(a: PartitionState, b: PartitionState): number {
  return b.lost - a.lost || b.lag - a.lag || Number(b.owner === null) - Number(a.owner === null);
}

function partitionRow({ topic, partition, committed, end, lag, lost, owner }: PartitionState) {
  return [
    `${topic}/${partition}`,
    committed === null ? "nothing" : formatCount(committed),
    formatCount(end),
    formatCount(lag),
    formatCount(lost),
    owner ? `${owner.address} ${owner.clientId}` : "no owner",
  ];
}

function restLine(rest: readonly PartitionState[]): string[] {
  if (rest.length === 0) return [];
  const most = (count: "lag" | "lost") => formatCount(Math.max(...rest.map((one) => one[count])));
  const behind = most("lag") === "0" ? "none behind" : `each at most ${most("lag")} behind`;
  const lost = most("lost") === "0" ? "" : `, at most ${most("lost")} lost`;
  return [`  and ${plural(rest.length, "partition")} more, ${behind}${lost}: --all shows them`];
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
    return "no group: it has no members and has committed no offset, " +
      `${plural(lagMessages, "message")} to read`;
  }
  return `${state}, ${plural(members.length, "member")}, ${plural(lagMessages, "message")} behind`;
}

function memberLine({ address, clientId, partitions, subscription, isForeign }: ReportedMember) {
  if (isForeign) {
    const reads = subscription?.join(", ") ?? "unknown topics";
    return `  ${address} ${clientId}: another application, which reads ${reads}`;
  }
  const owned = Object.entries(partitions)
    .map(([topic, numbers]) => `${topic} ${ranges(numbers)}`);
  return `  ${address} ${clientId}: ${owned.join("; ") || "nothing"}`;
}

/** `0-3,7`; of at least three in a row. */
export function ranges(numbers: readonly number[]): string {
  const runs: number[][] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.at(-1) === number - 1) last.push(number);
    else runs.push([number]);
  }
  return runs.map((run) => run.length < 3 ? run.join() : `${run[0]}-${run.at(-1)}`).join();
}

/** Rows of cells under each other; numbers to the right, first and last cell to the left. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const isLeft = (column: number, columns: number) => column === 0 || column === columns - 1;
  return alignColumns(rows, "  ", isLeft).map((line) => `  ${line.trimEnd()}`);
}
