/**
 * Rebalances of a consumer group, from one sample of it to the next: which members joined and left, which
 * partitions changed owners, and how long the group was not stable. Pure: a memory and a sample make the
 * next memory.
 *
 * It is as precise as the time between two samples. A rebalance that begins and ends between them is
 * noticed by what it changed, with a duration of 0; one that changes nothing goes unnoticed.
 */
import type { Service, Topic } from "../../../topology.ts";

/** A group at one moment, as Kafka describes it. */
export interface GroupSample {
  readonly service: Service;
  readonly state: string;
  readonly memberList: readonly {
    readonly memberId: string;
    readonly clientId: string;
    readonly owned: readonly { readonly topic: Topic; readonly partition: number }[];
  }[];
}

export interface Rebalance {
  /** Counts up within the group. */
  readonly number: number;
  readonly service: Service;
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  /** Until the group was stable again, or so far. */
  readonly durationMs: number;
  readonly running: boolean;
  /** Client ids. */
  readonly joined: readonly string[];
  readonly left: readonly string[];
  /** How many members there are afterwards. */
  readonly members: number;
  /** Partitions that have another owner than before. */
  readonly moved: number;
}

/** What is remembered of a group. */
export interface GroupMemory {
  readonly atMs: number;
  /** The first sample with each member, epoch milliseconds; null for members of the very first sample. */
  readonly sinceMs: ReadonlyMap<string, number | null>;
  /** The last stable sample. */
  readonly stable: GroupSample | undefined;
  /** The newest rebalance, running or over. */
  readonly rebalance: Rebalance | undefined;
}

/** The state shown for one process that reads the log, in no group. */
export const READS_THE_LOG = "reads the log";

/** In these states a group reassigns no partitions. */
const SETTLED = new Set(["Stable", "Empty", "Dead", READS_THE_LOG]);

/** Whether a group is not rebalancing, by Kafka's word for its state. */
export function isSettled(state: string): boolean {
  return SETTLED.has(state);
}

export function observeGroup(
  before: GroupMemory | undefined,
  sample: GroupSample,
  atMs: number,
): GroupMemory {
  const sinceMs = new Map(
    sample.memberList.map(({ memberId }) => {
      const known = before?.sinceMs.get(memberId);
      return [memberId, before === undefined ? null : known === undefined ? atMs : known] as const;
    }),
  );
  const settled = isSettled(sample.state);
  const memory = { atMs, sinceMs, stable: settled ? sample : before?.stable };
  if (before === undefined) return { ...memory, rebalance: undefined };
  return { ...memory, rebalance: nextRebalance(before, sample, settled, atMs) };
}

function nextRebalance(
  { stable, rebalance, atMs: beforeMs }: GroupMemory,
  sample: GroupSample,
  settled: boolean,
  atMs: number,
): Rebalance | undefined {
  const running = rebalance?.running ? rebalance : undefined;
  const change = settled ? changeBetween(stable, sample) : { joined: [], left: [], moved: 0 };
  const changed = change.joined.length + change.left.length + change.moved > 0;
  if (settled && !running && !changed) return rebalance;
  const startedAtMs = running?.startedAtMs ?? (settled ? beforeMs : atMs);
  return {
    number: running?.number ?? (rebalance?.number ?? 0) + 1,
    service: sample.service,
    startedAtMs,
    durationMs: running || !settled ? atMs - startedAtMs : 0,
    running: !settled,
    ...change,
    members: sample.memberList.length,
  };
}

function changeBetween(before: GroupSample | undefined, after: GroupSample) {
  const names = (sample: GroupSample | undefined) =>
    new Map(sample?.memberList.map(({ memberId, clientId }) => [memberId, clientId]));
  const [old, now] = [names(before), names(after)];
  const owners = (sample: GroupSample | undefined) =>
    new Map(
      sample?.memberList.flatMap(({ memberId, owned }) =>
        owned.map(({ topic, partition }) => [`${topic}/${partition}`, memberId] as const)
      ),
    );
  const [oldOwners, nowOwners] = [owners(before), owners(after)];
  const places = new Set([...oldOwners.keys(), ...nowOwners.keys()]);
  return {
    joined: [...now].filter(([id]) => !old.has(id)).map(([, name]) => name),
    left: [...old].filter(([id]) => !now.has(id)).map(([, name]) => name),
    moved: [...places].filter((place) => oldOwners.get(place) !== nowOwners.get(place)).length,
  };
}
