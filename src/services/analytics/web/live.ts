/**
 * What the page is told once a second: one whole picture, so that a browser that missed some, or comes
 * back after an hour, needs only the next one. Types alone: server and page share them.
 */
import type { Processor, Service, Topic } from "../../../topology.ts";
import type { Reading, Snapshot } from "../snapshot.ts";
import type { Pause, Stall } from "../groups/stalls.ts";
import type { Rebalance } from "../groups/rebalances.ts";
import type { Lag } from "../groups/lag.ts";

export interface Live {
  /** Epoch milliseconds, by the clock of analytics. */
  readonly atMs: number;
  /** Windows reach up to `atMs`: where nothing happens, rates go to 0. */
  readonly snapshot: Snapshot;
  readonly reading: Reading;
  /** Null while the cluster does not say. */
  readonly groups: readonly GroupView[] | null;
  /** The newest last, a bounded number. */
  readonly rebalances: readonly RebalanceView[];
  /** By topic; null while it is not known. */
  readonly written: { readonly [T in Topic]?: readonly Flow<Service>[] };
  readonly deadLetters: { readonly [P in Processor]?: DeadLetterCount };
}

/** Messages a second between a service and a topic; null before there are two moments to compare. */
export interface Flow<To> {
  readonly by: To;
  readonly perSecond: number | null;
}

export interface DeadLetterCount {
  /** All that there ever were. */
  readonly letters: number;
  /** Those that nobody has replayed or discarded. */
  readonly open: number;
}

export interface RebalanceView extends Rebalance {
  /** Of a partition around it; it may have begun before, and go on when the group is stable. */
  readonly longestPause: Stall | null;
}

export interface GroupView {
  readonly service: Service;
  /** The group's name on the cluster. */
  readonly group: string;
  /** Kafka's word: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead; or `reads the log`. */
  readonly state: string;
  readonly members: readonly MemberView[];
  readonly topics: readonly TopicView[];
  readonly lag: Lag;
}

export interface MemberView {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  /** Epoch milliseconds; null where it was there before analytics began to watch. */
  readonly sinceMs: number | null;
  /** Of another application in the group: what it reads, names on the cluster; else null. */
  readonly foreignReads: readonly string[] | null;
}

/** A topic as a group reads it. */
export interface TopicView {
  readonly topic: Topic;
  /** Messages a second that the group has read; null before there are two moments to compare. */
  readonly perSecond: number | null;
  readonly lag: Lag;
  readonly partitions: readonly PartitionView[];
}

export interface PartitionView extends Pause {
  readonly partition: number;
  /** Index in `members`; null where nobody owns it. */
  readonly owner: number | null;
  readonly lagMessages: number;
}
