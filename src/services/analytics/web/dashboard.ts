/** The dashboard's server side: what it watches while it runs, its live snapshots, and its routes. */
import { pause } from "../../../runtime/shutdown.ts";
import type { Logger } from "../../../runtime/log.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import type { GroupState } from "../../../kafka/offsets/group_lag.ts";
import { type Names, type Topic, TOPIC_NAMES, TOPICS, topicsReadBy } from "../../../topology.ts";
import { type AuditReports, createAuditReports, summaryOf } from "../checks/audit_reports.ts";
import { createDeadLetters, type DeadLetters } from "../checks/dead_letters.ts";
import { createOverdue, type Overdue } from "../checks/overdue.ts";
import { READS_THE_LOG } from "../groups/rebalances.ts";
import { createGroupWatch, type GroupWatch } from "../groups/watch.ts";
import type { Projection } from "../projection.ts";
import { EventRates } from "../rates.ts";
import { totals } from "../snapshot.ts";
import { Broadcaster } from "./broadcaster.ts";
import type { Flow, Live } from "./live.ts";
import { createUpdates, trendsOf } from "./updates.ts";
import { dashboardRoutes } from "./routes.ts";

/** How often the event rates are sampled. */
const SAMPLE_EVERY_MS = 500;

interface Dashboard {
  readonly watch: GroupWatch;
  readonly checks: Checks;
  readonly routes: ReturnType<typeof dashboardRoutes>;
  /** Watches until `signal` aborts; then no browser is served any more. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What tells whether every order is accounted for. */
export interface Checks {
  readonly audit: AuditReports;
  readonly overdue: Overdue;
  readonly deadLetters: DeadLetters;
}

export function createDashboard(
  cluster: { access: KafkaAccess; clientId: string; names: Names; log: Logger },
  projection: Projection,
  { overdueAfterS }: { overdueAfterS: number },
): Dashboard {
  const rates = new EventRates();
  const deadLetters = createDeadLetters(cluster);
  const watch: GroupWatch = createGroupWatch({
    ...cluster,
    present: (group) => presentGroup(group, projection.positions, cluster.clientId),
    eventShare: (topic) => eventShare(rates, watch, topic),
  });
  const overdue = createOverdue({
    ...cluster,
    afterMs: overdueAfterS * 1_000,
    openOrders: () => projection.openOrders,
    reading: () => projection.reading(),
    groups: () => watch.latest,
    isDiscarded: (orderId) => deadLetters.isDiscarded(orderId),
  });
  const checks: Checks = { audit: createAuditReports(cluster), overdue, deadLetters };
  const updates = createUpdates();
  const broadcaster = new Broadcaster(() =>
    updates(
      liveSnapshot({ projection, watch, checks, rates }),
      trendsOf(projection.aggregate, watch.trends, Date.now()),
    )
  );
  return {
    watch,
    checks,
    routes: dashboardRoutes({ cluster, broadcaster, checks, replay: () => projection.replay() }),
    async run(signal) {
      const watching = [watch, ...Object.values(checks)].map((one) => one.run(signal));
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

function liveSnapshot({ projection, watch, checks, rates }: {
  projection: Projection;
  watch: GroupWatch;
  checks: Checks;
  rates: EventRates;
}): Live {
  const atMs = Date.now();
  return {
    atMs,
    snapshot: totals(projection.aggregate, atMs),
    recentOrder: projection.recentOrder,
    reading: projection.reading(),
    groups: watch.groups,
    rebalances: watch.rebalances,
    written: Object.fromEntries(
      TOPIC_NAMES.map((topic) => [topic, written(rates, watch, topic)]),
    ),
    deadLetters: checks.deadLetters.counts,
    deadLettersNotReady: checks.deadLetters.notReady,
    audit: summaryOf(checks.audit.latest),
    overdue: checks.overdue.latest,
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
