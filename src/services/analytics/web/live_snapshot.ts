/** Puts together what the page is told: the figures, the groups and what flows between them, now. */
import type { GroupState } from "../../../kafka/offsets/group_lag.ts";
import { type Topic, topicsReadBy } from "../../../topology.ts";
import type { Projection } from "../projection.ts";
import { READS_THE_LOG } from "../groups/rebalances.ts";
import type { GroupWatch } from "../groups/watch.ts";
import { snapshot } from "../snapshot.ts";
import type { Flows } from "./flows.ts";
import type { LetterCounts } from "./dead_letters.ts";
import type { Live } from "./live.ts";

/**
 * How analytics is to be seen while it reads the log in no group: like a group with one member. A group
 * that does have members is shown as it is.
 */
export function insteadOfGroup(
  group: GroupState,
  positions: Projection["positions"],
  clientId: string,
): GroupState {
  if (group.service !== "analytics" || group.members > 0 || !positions) return group;
  const own = group.positions.map((position) => ({
    ...position,
    committed: positions.get(position.topic)?.get(position.partition) ?? position.committed,
  }));
  const owned = own.map(({ topic, partition }) => ({ topic, partition }));
  return {
    ...group,
    state: READS_THE_LOG,
    memberList: [{
      memberId: clientId,
      clientId,
      host: "this process",
      owned,
      subscription: undefined,
      isForeign: false,
    }],
    positions: own,
  };
}

export interface LiveSnapshotOptions {
  readonly counting: Projection;
  readonly watch: GroupWatch;
  readonly letters: LetterCounts;
  readonly flows: Flows;
}

/** How often the flows are noted; the picture is made only when somebody looks. */
export const NOTE_EVERY_MS = 500;

export function createLiveSnapshot(
  { counting, watch, letters, flows }: LiveSnapshotOptions,
): () => Live {
  return () => {
    const atMs = Date.now();
    return {
      atMs,
      snapshot: snapshot(counting.aggregate, atMs),
      reading: counting.reading(),
      groups: watch.groups,
      rebalances: watch.rebalances,
      written: {
        "orders.raw": [{ by: "simulator", perSecond: watch.growth("orders.raw") }],
        ...Object.fromEntries(
          topicsReadBy("analytics").map((topic) => [topic, flows.written(topic)]),
        ),
      },
      deadLetters: letters.counts,
    };
  };
}

/** The share of a topic's offsets that are events, as far as it is known: the others are control records. */
export function eventShare(flows: Flows, watch: GroupWatch, topic: Topic): number {
  const growth = watch.growth(topic);
  const written = flows.written(topic).reduce((sum, { perSecond }) => sum + (perSecond ?? 0), 0);
  return growth === null || growth === 0 || written === 0 ? 1 : Math.min(1, written / growth);
}
