/** Everything that analytics has to tell at one moment: what is displayed, and served at /snapshot. */
import type { GroupLag } from "../../stream/group_lag.ts";
import type { Snapshot } from "./snapshot.ts";

/** Where the events come from. */
export interface Reading {
  /** As a member of the consumer group, or straight from the log. */
  readonly source: "group" | "log";
  /** The group's name on the cluster. */
  readonly group: string;
  /** Partitions that are read: those assigned to this member, or all. */
  readonly partitions: number;
  /** ISO 8601; as a member of the group, nothing that the group had read before is in the figures. */
  readonly startedAt: string;
  /** Why nothing is read right now, or not all can be; null when all is well. */
  readonly notReady: string | null;
  /** While the log is read up to its end: offsets passed, of how many; null when that is done. */
  readonly progress: { readonly passed: number; readonly expected: number } | null;
  /** Messages that were no events, and are in none of the figures. */
  readonly undecodableMessages: number;
}

export interface Figures {
  readonly snapshot: Snapshot;
  readonly reading: Reading;
  /** How far each consumer group is behind; null while the cluster does not say. */
  readonly lag: readonly GroupLag[] | null;
}
