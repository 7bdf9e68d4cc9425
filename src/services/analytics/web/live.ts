/**
 * A live snapshot: what the page gets once a second. It is whole, so that a browser that missed some, or
 * comes back after an hour, needs only the next one. Types alone: server and page share them.
 */
import type { Service, Topic } from "../../../topology.ts";
import type { Reading, Snapshot } from "../snapshot.ts";
import type { AuditView } from "../checks/audit_reports.ts";
import type { DeadLetterCount } from "../checks/dead_letters.ts";
import type { OverdueView } from "../checks/overdue.ts";
import type { Lag, Stall, StallTimes } from "../groups/lag.ts";
import type { Rebalance } from "../groups/rebalances.ts";

export interface Live {
  /** Epoch milliseconds, by the clock of analytics. */
  readonly atMs: number;
  /** Windows reach up to `atMs`: where nothing happens, rates go to 0. */
  readonly snapshot: Snapshot;
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

/** The newest audit, without its checks: the route /audit has them. */
export type AuditSummary =
  | Exclude<AuditView, { state: "made" }>
  | {
    readonly state: "made";
    readonly passed: boolean;
    readonly summary: string;
    /** ISO 8601. */
    readonly finishedAt: string;
  };

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
  readonly lagMessages: number;
  /** How long the oldest of them has been waiting. */
  readonly lagMs: number;
}
