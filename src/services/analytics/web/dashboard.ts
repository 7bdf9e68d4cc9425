/** The dashboard's server side: what it watches while it runs, its live snapshots, and its routes. */
import { pause } from "../../../runtime/shutdown.ts";
import type { Logger } from "../../../runtime/log.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { isDeadLetter } from "../../../kafka/dead_letters.ts";
import { LogFollower } from "../../../kafka/readers/log_follower.ts";
import type { GroupState } from "../../../kafka/offsets/group_lag.ts";
import {
  deadLetterTopicOf,
  type Names,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
  TOPICS,
  topicsReadBy,
} from "../../../topology.ts";
import { READS_THE_LOG } from "../groups/rebalances.ts";
import { createGroupWatch, type GroupWatch } from "../groups/watch.ts";
import type { Projection } from "../projection.ts";
import { EventRates } from "../rates.ts";
import { snapshot } from "../snapshot.ts";
import { Broadcaster } from "./broadcaster.ts";
import type { Flow, Live } from "./live.ts";
import { createUpdates, trendsOf } from "./updates.ts";
import { dashboardRoutes } from "./routes.ts";

/** How often the event rates are sampled. */
const SAMPLE_EVERY_MS = 500;

interface Dashboard {
  readonly watch: GroupWatch;
  readonly routes: ReturnType<typeof dashboardRoutes>;
  /** Watches until `signal` aborts; then no browser is served any more. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function createDashboard(
  cluster: { access: KafkaAccess; clientId: string; names: Names; log: Logger },
  projection: Projection,
): Dashboard {
  const rates = new EventRates();
  const deadLetters = createDeadLetterCounts(cluster);
  const watch: GroupWatch = createGroupWatch({
    ...cluster,
    present: (group) => presentGroup(group, projection.positions, cluster.clientId),
    eventShare: (topic) => eventShare(rates, watch, topic),
  });
  const updates = createUpdates();
  const broadcaster = new Broadcaster(() =>
    updates(
      liveSnapshot({ projection, watch, deadLetters, rates }),
      trendsOf(projection.aggregate, watch.trends, Date.now()),
    )
  );
  return {
    watch,
    routes: dashboardRoutes({ cluster, broadcaster, replay: () => projection.replay() }),
    async run(signal) {
      const watching = [watch.run(signal), deadLetters.run(signal)];
      while (!signal.aborted) {
        rates.sample(Date.now(), projection);
        await pause(SAMPLE_EVERY_MS, signal);
      }
      broadcaster.close();
      await Promise.all(watching);
    },
    async close() {
      broadcaster.close();
      await watch.close();
    },
  };
}

function liveSnapshot({ projection, watch, deadLetters, rates }: {
  projection: Projection;
  watch: GroupWatch;
  deadLetters: DeadLetterCounts;
  rates: EventRates;
}): Live {
  const atMs = Date.now();
  // The plots have thinned columns of their own.
  const { perSecond: _, perTenSeconds: __, perMinute: ___, ...figures } = snapshot(
    projection.aggregate,
    atMs,
  );
  return {
    atMs,
    snapshot: figures,
    recentOrder: projection.recentOrder,
    reading: projection.reading(),
    groups: watch.groups,
    rebalances: watch.rebalances,
    written: Object.fromEntries(
      TOPIC_NAMES.map((topic) => [topic, written(rates, watch, topic)]),
    ),
    deadLetters: deadLetters.counts,
  };
}

const COUNTED_TOPICS: readonly Topic[] = topicsReadBy("analytics");

/** How much each service writes to a topic: by the events that analytics counts, else by offsets. */
function written(rates: EventRates, watch: GroupWatch, topic: Topic): Flow[] {
  if (COUNTED_TOPICS.includes(topic)) return rates.written(topic);
  const { writers } = TOPICS[topic];
  // Offsets do not distinguish several writers.
  const perSecond = writers.length === 1 ? watch.growth(topic) : null;
  return writers.map((by) => ({ by, perSecond }));
}

/**
 * How a group is shown. While analytics reads the log in no group, it is shown like a group with one
 * member; a group that does have members is shown as it is.
 */
function presentGroup(
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

/** The share of a topic's offsets that are events, as far as it is known; the rest are control records. */
function eventShare(rates: EventRates, watch: GroupWatch, topic: Topic): number {
  const growth = watch.growth(topic);
  const events = rates.written(topic).reduce((sum, { perSecond }) => sum + (perSecond ?? 0), 0);
  return growth === null || growth === 0 || events === 0 ? 1 : Math.min(1, events / growth);
}

interface DeadLetterCounts {
  readonly counts: Live["deadLetters"];
  /** Counts until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Counts dead letters, and the resolutions of them, from the beginning of the log. */
function createDeadLetterCounts(
  options: { access: KafkaAccess; clientId: string; names: Names; log: Logger },
): DeadLetterCounts {
  const { access, names } = options;
  const byTopic = new Map(
    PROCESSORS.map((processor) => [
      names.topic(deadLetterTopicOf(processor)),
      { processor, total: 0, resolutions: 0 },
    ]),
  );
  return {
    get counts() {
      return Object.fromEntries(
        [...byTopic.values()].map(({ processor, total, resolutions }) =>
          [processor, { total, open: Math.max(0, total - resolutions) }] as const
        ),
      );
    },
    async run(signal) {
      const follower = new LogFollower({
        access,
        kafka: createClient(access, options.clientId),
        topics: [...byTopic.keys()],
        onRecords(records) {
          for (const record of records) {
            const counts = byTopic.get(record.topic)!;
            if (isDeadLetter(record)) counts.total++;
            else counts.resolutions++;
          }
        },
        onLoss(line, { topic, why }) {
          options.log.warn(line);
          if (why === "recreated") Object.assign(byTopic.get(topic)!, { total: 0, resolutions: 0 });
        },
      });
      await follower.follow(signal);
    },
  };
}
