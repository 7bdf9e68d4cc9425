/**
 * What the page gets once a second: a live snapshot, which is whole, and what changed in the plots since
 * the one before. A browser that missed one, or is new, gets the plots whole, too. Types alone: server
 * and page share them.
 */
import type { Service, Topic } from "../../../topology.ts";
import type { Reading, Totals } from "../snapshot.ts";
import type { AuditSummary } from "../checks/audit_reports.ts";
import type { DeadLetterCount } from "../checks/dead_letters.ts";
import type { OverdueView } from "../checks/overdue.ts";
import type { Drain } from "../groups/drain.ts";
import type { Lag, Stall, StallTimes } from "../groups/lag.ts";
import type { Rebalance } from "../groups/rebalances.ts";
import type { TrendChanges } from "../trends/changes.ts";
import type { Trends } from "../trends/ranges.ts";

export interface Update {
  readonly live: Live;
  /** The plots as a whole, or their changes. */
  readonly trends?: Trends;
  readonly changes?: TrendChanges;
}

export interface Live {
  /** Epoch milliseconds, by the clock of analytics. */
  readonly atMs: number;
  /** Windows reach up to `atMs`: where nothing happens, rates go to 0. */
  readonly snapshot: Totals;
  /** An order that was settled a moment ago, to search for; null before there is one. */
  readonly recentOrder: string | null;
  readonly reading: Reading;
  /** Null while Kafka does not answer. */
  readonly groups: readonly GroupView[] | null;
  /** The newest last, a bounded number. */
  readonly rebalances: readonly RebalanceView[];
  /** By topic: how much each service writes to it. */
  readonly written: Readonly<Record<string, readonly Flow[]>>;
  /** By service. */
  readonly deadLetters: Readonly<Record<string, DeadLetterCount>>;
  /** Why these counts are not, or not all, there yet; else null. */
  readonly deadLettersNotReady: string | null;
  readonly audit: AuditSummary;
  readonly overdue: OverdueView;
}

/** Messages a second from a service to a topic; null while it is not known. */
export interface Flow {
  readonly by: Service;
  readonly perSecond: number | null;
}

export interface RebalanceView extends Rebalance {
  /** The longest stall of a partition around it; it may begin before the rebalance, and outlast it. */
  readonly longestStall: Stall | null;
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
  readonly drain: Drain;
}

export interface MemberView {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  /** Epoch milliseconds; null when it was there before analytics began to watch. */
  readonly sinceMs: number | null;
  /** The topics, by their names on the cluster, of a member that is another application; else null. */
  readonly foreignReads: readonly string[] | null;
}

/** A topic as a group reads it. */
export interface TopicView {
  readonly topic: Topic;
  /** Messages a second that the group reads; null before there are two samples to compare. */
  readonly perSecond: number | null;
  readonly lag: Lag;
  readonly partitions: readonly PartitionView[];
}

export interface PartitionView extends StallTimes {
  readonly partition: number;
  /** Index in `members`; null when no member owns it. */
  readonly owner: number | null;
  /** The next offset that the group will read, and the one after the last record. */
  readonly committed: number;
  readonly end: number;
  readonly lagMessages: number;
  /** How long the oldest of them has been waiting. */
  readonly lagMs: number;
}
