/**
 * The dashboard's server side without a pipeline: made-up orders and groups go through the real figures,
 * the real stream and the real page. So the page can be looked at in any state within seconds.
 */
import { add, createAggregate } from "../../services/analytics/aggregate.ts";
import { summaryOf } from "../../services/analytics/checks/audit_reports.ts";
import { GroupHistory } from "../../services/analytics/groups/history.ts";
import { totals } from "../../services/analytics/snapshot.ts";
import { factsOf, sampleOrders } from "../../services/analytics/testing/orders.ts";
import { Broadcaster } from "../../services/analytics/web/broadcaster.ts";
import type { GroupView, Live } from "../../services/analytics/web/live.ts";
import { dashboardRoutes } from "../../services/analytics/web/routes.ts";
import { createUpdates, trendsOf } from "../../services/analytics/web/updates.ts";
import { fakeChecks } from "./fake_checks.ts";
import type { GroupState } from "../../kafka/offsets/group_lag.ts";
import { CONSUMERS, type Service, TOPIC_NAMES, TOPICS, topicsReadBy } from "../../topology.ts";

export const STATES = [
  "empty",
  "running",
  "rebalancing",
  "a member killed",
  "the audit failed",
] as const;
export type State = typeof STATES[number];

const CHECKS = {
  empty: "none",
  running: "well",
  rebalancing: "unknown",
  "a member killed": "well",
  "the audit failed": "trouble",
} as const;

const PARTITIONS = 12;
const OVER_MS = 540_000;
const EVERY_MS = 250;
/** Offsets a second by which each partition grows. */
const GROWTH = 20;
/** When a payment was killed. */
const KILLED_MS = 25_000;

/** For two minutes nobody orders, but for one in the middle of it. */
function isOrdered(ageMs: number): boolean {
  return Math.abs(ageMs - 270_000) > 60_000 || Math.abs(ageMs - 270_000) <= EVERY_MS / 2;
}

/** A group of two members; one of them is killed, or joins, so many milliseconds before the start. */
function groupAt(service: Service, state: State, ageMs: number): GroupState {
  const isEmpty = state === "empty";
  const isDead = state === "a member killed" && service === "payment" && ageMs <= KILLED_MS;
  const isMoving = state === "rebalancing" && service === "validator" && ageMs <= 8_000;
  const names = isEmpty || isDead ? [`${service}-1041`] : [`${service}-1041`, `${service}-1042`];
  const topics = topicsReadBy(service);
  const places = topics.flatMap((topic) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
  );
  const memberList = names.map((clientId, index) => ({
    memberId: clientId,
    clientId,
    host: "127.0.0.1",
    owned: isMoving ? [] : places.filter(({ partition }) => partition % names.length === index),
    subscription: undefined,
    isForeign: false,
  }));
  const end = isEmpty ? 0 : Math.floor((OVER_MS - ageMs) / 1_000 * GROWTH) + 12_000;
  const positions = places.map(({ topic, partition }) => {
    const stalledMs = isMoving ? 8_000 - ageMs : isDead && partition % 2 ? KILLED_MS - ageMs : 0;
    const committed = Math.max(0, end - Math.floor(stalledMs / 1_000 * GROWTH));
    return { topic, partition, committed, stored: committed, first: 0, end };
  });
  return {
    service,
    group: service,
    state: isMoving ? "PreparingRebalance" : "Stable",
    members: names.length,
    memberList,
    lagMessages: 0,
    topics: topics.map((topic) => ({ topic, lagMessages: 0 })),
    positions,
  };
}

interface FakeAnalytics {
  readonly url: string;
  /** Serves no more: the page loses its connection. */
  close(): Promise<void>;
}

/** Serves the page in a state. */
export function serveFake(state: State): FakeAnalytics {
  const startMs = Date.now();
  const aggregate = createAggregate();
  const orders = state === "empty" ? 0 : 2 * OVER_MS / EVERY_MS;
  // Where a member is missing, latencies are long to read, too.
  const delayMs = state === "a member killed" ? 200_000 : 0;
  const facts = sampleOrders(orders, startMs - OVER_MS, EVERY_MS)
    .filter(({ placedAtMs }) => isOrdered(startMs - placedAtMs))
    .map((order) => ({
      ...order,
      placedAtMs: order.placedAtMs - delayMs,
      latencyMs: order.latencyMs + delayMs,
    }))
    .flatMap(factsOf)
    .toSorted((a, b) => b.occurredAtMs - a.occurredAtMs);
  const addUpTo = (atMs: number) => {
    while (facts.length > 0 && facts.at(-1)!.occurredAtMs <= atMs) add(aggregate, facts.pop()!);
  };
  const history = new GroupHistory({
    lagMessages: (_topic, _partition, committed, end) => end - committed,
    eventShare: () => 1,
  });
  let groups: GroupView[] = [];
  const observe = (atMs: number) => {
    groups = history.observe(CONSUMERS.map((s) => groupAt(s, state, startMs - atMs)), atMs);
  };
  for (let atMs = startMs - OVER_MS; atMs < startMs; atMs += 1_000) observe(atMs);
  const checks = fakeChecks(CHECKS[state], startMs);
  const updates = createUpdates();
  const broadcaster = new Broadcaster(() => {
    const atMs = Date.now();
    addUpTo(atMs);
    observe(atMs);
    const live: Live = {
      atMs,
      snapshot: totals(aggregate, atMs),
      recentOrder: state === "empty" ? null : "r1-002048",
      reading: {
        source: "log",
        group: "analytics",
        partitions: PARTITIONS,
        startedAt: new Date(startMs - OVER_MS).toISOString(),
        notReady: null,
        progress: state === "rebalancing" ? { passed: 61_440, expected: 122_880 } : null,
        undecodableMessages: 0,
      },
      groups,
      rebalances: history.rebalances,
      written: Object.fromEntries(
        TOPIC_NAMES.map((
          topic,
        ) => [topic, TOPICS[topic].writers.map((by) => ({ by, perSecond: orders && 1_234 }))]),
      ),
      deadLetters: Object.fromEntries(
        checks.deadLetters.map(({ service, total, open }) => [service, { total, open }]),
      ),
      deadLettersNotReady: null,
      audit: summaryOf(checks.audit),
      overdue: checks.overdue,
    };
    return updates(live, trendsOf(aggregate, history.trends, atMs));
  });
  const routes = dashboardRoutes({
    // No order is searched for.
    cluster: undefined as unknown as Parameters<typeof dashboardRoutes>[0]["cluster"],
    broadcaster,
    checks: {
      audit: { latest: checks.audit },
      deadLetters: { list: () => [...checks.deadLetters], notReady: null },
    },
    replay: () => {},
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) =>
      routes[new URL(request.url).pathname]?.(request) ?? new Response("", { status: 404 }),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    async close() {
      broadcaster.close();
      await server.shutdown();
    },
  };
}
