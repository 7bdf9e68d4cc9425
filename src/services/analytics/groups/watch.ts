/**
 * Samples all consumer groups twice a second, by Kafka's own answers (describeGroups, committed offsets,
 * ends of the logs): true for whatever runs in them, and outside of the groups.
 */
import type { Logger } from "../../../runtime/log.ts";
import { pause } from "../../../runtime/shutdown.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { explain, isKafkaError } from "../../../kafka/client/errors.ts";
import { createUnread } from "../../../kafka/readers/backlog.ts";
import { createGroupLagReader, type GroupState } from "../../../kafka/offsets/group_lag.ts";
import type { Names, Topic } from "../../../topology.ts";
import type { GroupView, RebalanceView } from "../web/live.ts";
import { GroupHistory, type GroupHistoryOptions } from "./history.ts";

const EVERY_MS = 500;
/** How long the count behind the committed offsets may wait for an open transaction. */
const UNREAD_LIMIT_MS = 3_000;
/** So many samples in a row may fail before it is logged: a leader moves in less. */
const QUIET_FAILURES = 6;

export interface GroupWatch {
  /** What Kafka said last; null before its first answer, and while it does not answer. */
  readonly latest: readonly GroupState[] | null;
  readonly groups: readonly GroupView[] | null;
  /** The oldest first. */
  readonly rebalances: readonly RebalanceView[];
  /** How far behind the groups were over time. */
  readonly trends: Pick<GroupHistory["trends"], "tracks">;
  /** How fast a topic grows, offsets a second; null before it is known. */
  growth(topic: Topic): number | null;
  /** Takes one sample. */
  sample(): Promise<void>;
  /** Takes samples until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

interface GroupWatchOptions {
  readonly access: KafkaAccess;
  readonly clientId: string;
  readonly names: Names;
  readonly log: Pick<Logger, "info" | "warn">;
  /** How a group is shown, such as that of a service that reads the log itself. */
  readonly present: (group: GroupState) => GroupState;
  readonly eventShare: GroupHistoryOptions["eventShare"];
}

export function createGroupWatch(options: GroupWatchOptions): GroupWatch {
  const { names, log, present, eventShare } = options;
  const kafka = createClient(options.access, options.clientId);
  const reader = createGroupLagReader(kafka, names);
  const unread = createUnread(kafka);
  const history = new GroupHistory({
    lagMessages: (topic, ...position) => unread.messages(names.topic(topic), ...position),
    eventShare,
  });
  let latest: readonly GroupState[] | null = null;
  let groups: readonly GroupView[] | null = null;
  let failures = 0;

  async function sample(): Promise<void> {
    try {
      const states = (await reader.read()).map(present);
      groups = history.observe(states, Date.now());
      latest = states;
      if (failures > QUIET_FAILURES) log.info("the state of the consumer groups is known again");
      failures = 0;
    } catch (error) {
      if (!isKafkaError(error)) throw error;
      latest = groups = null;
      // Events may still be read: that takes another right, and maybe another broker.
      if (++failures === QUIET_FAILURES + 1) {
        log.warn(`the state of the consumer groups is unknown: ${explain(error)}`);
      }
    }
  }

  /** Counts what lies behind the committed offsets, on the side, because it may have to wait. */
  async function countUnread(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await unread.refresh(AbortSignal.any([signal, AbortSignal.timeout(UNREAD_LIMIT_MS)]));
      } catch (error) {
        if (!isKafkaError(error)) throw error;
        await unread.close();
      }
      await pause(2 * EVERY_MS, signal);
    }
  }

  return {
    get latest() {
      return latest;
    },
    get groups() {
      return groups;
    },
    get rebalances() {
      return history.rebalances;
    },
    trends: history.trends,
    growth: (topic) => history.growth(topic),
    sample,
    async run(signal) {
      const counting = countUnread(signal);
      while (!signal.aborted) {
        await sample();
        await pause(EVERY_MS, signal);
      }
      await counting;
    },
    close: async () => void await Promise.all([reader.close(), unread.close()]),
  };
}
