/**
 * The figures: in come the events of orders, out go counts, money, rates and latencies, all by the times
 * inside the events, never by when they arrived. Pure: no clock, no I/O; `snapshot` (in snapshot.ts)
 * reads it.
 *
 * Its memory is the same for a run of any length, because it remembers no single order. So a second copy
 * of an event counts twice: with `exactly_once` there is none, with `at_least_once` the figures show it.
 *
 * Events of several partitions come in any order, and the figures are the same. Only `lateEvents`
 * depends on the order of arrival.
 *
 * Windows follow the newest `occurredAt`, which the services' own clocks write. `placedAt` comes from
 * outside: when it is later than an event that followed from it, or no time at all, the event's own time
 * is taken instead, and counted in `clockSkewEvents`.
 */
import type { Fact } from "./facts/fact.ts";
import { LatencyHistogram } from "./histogram.ts";
import { OrderTrends } from "./trends/order_trends.ts";
import { TumblingWindows } from "./windows.ts";

export const OUTCOMES = ["confirmed", "cancelled", "rejected"] as const;
export type Outcome = typeof OUTCOMES[number];

/** Orders within one second. */
export interface OrderCounts extends Record<Outcome, number> {
  placed: number;
  validated: number;
  settled: number;
}

/** Amounts of one currency. They stop at 2⁵³ − 1 cents: beyond, a sum would depend on its order. */
export interface Amounts {
  /** Value of the orders that passed validation. */
  orderedCents: number;
  /** Value of the orders that were confirmed. */
  confirmedCents: number;
}

/** By currency code: three letters by schema, and those of the catalog by the validator's rules. */
export type AmountsByCurrency = Map<string, Amounts>;

export interface Aggregate {
  /** Events by type, and those of InventoryUpdated by their action, too. */
  readonly events: Map<string, number>;
  /** Outcomes with a reason, by it: words of closed lists. */
  readonly reasons: Record<"cancelled" | "rejected", Map<string, number>>;
  readonly money: AmountsByCurrency;
  /** From placed to outcome. */
  readonly latency: Record<Outcome, LatencyHistogram>;
  readonly perSecond: TumblingWindows<OrderCounts>;
  readonly perTenSeconds: TumblingWindows<LatencyHistogram>;
  readonly perMinute: TumblingWindows<AmountsByCurrency>;
  /** For the plots. */
  readonly trends: OrderTrends;
  /** Newest `occurredAt`, epoch milliseconds; -Infinity before the first event. */
  newestMs: number;
  /** Events that arrived when their second had left the window: in the totals, not in the windows. */
  lateEvents: number;
  clockSkewEvents: number;
}

/** Seconds that rates are kept for: ten minutes. */
const SECONDS = 600;
/** Ten-second windows that latencies are kept for: ten minutes. */
const TENS_OF_SECONDS = 60;
/** Minutes that revenue is kept for: an hour. */
const MINUTES = 60;

export function createAggregate(): Aggregate {
  const histogram = () => new LatencyHistogram();
  return {
    events: new Map(),
    reasons: { cancelled: new Map(), rejected: new Map() },
    money: new Map(),
    latency: { confirmed: histogram(), cancelled: histogram(), rejected: histogram() },
    perSecond: new TumblingWindows<OrderCounts>(
      1_000,
      SECONDS,
      () => ({ placed: 0, validated: 0, settled: 0, confirmed: 0, cancelled: 0, rejected: 0 }),
      (counts) => {
        counts.placed = counts.validated = counts.settled = 0;
        counts.confirmed = counts.cancelled = counts.rejected = 0;
      },
    ),
    perTenSeconds: new TumblingWindows(
      10_000,
      TENS_OF_SECONDS,
      histogram,
      (latency) => latency.clear(),
    ),
    perMinute: new TumblingWindows<AmountsByCurrency>(
      60_000,
      MINUTES,
      () => new Map(),
      (amounts) => amounts.clear(),
    ),
    trends: new OrderTrends(),
    newestMs: -Infinity,
    lateEvents: 0,
    clockSkewEvents: 0,
  };
}

/** When an event happened, and when its order was placed; epoch milliseconds, NaN for no time. */
interface Times {
  readonly occurredAtMs: number;
  readonly placedAtMs: number;
}

/** Counts one event. */
export function add(aggregate: Aggregate, event: Fact): void {
  // Not read by analytics: it learns of a placed order from what the validator decided.
  if (event.type === "OrderPlaced") return;
  const times = timesOf(aggregate, event);
  const { occurredAtMs, placedAtMs } = times;
  increment(aggregate.events, event.type);
  switch (event.type) {
    case "OrderValidated": {
      place(aggregate, times);
      const second = aggregate.perSecond.at(occurredAtMs);
      if (second) second.validated++;
      aggregate.trends.validated(occurredAtMs);
      const { currency, totalCents } = event;
      addCents(aggregate.money, currency, "orderedCents", totalCents);
      addCents(aggregate.perMinute.at(placedAtMs), currency, "orderedCents", totalCents);
      break;
    }
    case "OrderConfirmed": {
      settle(aggregate, "confirmed", times);
      const { currency, totalCents } = event;
      addCents(aggregate.money, currency, "confirmedCents", totalCents);
      addCents(aggregate.perMinute.at(occurredAtMs), currency, "confirmedCents", totalCents);
      aggregate.trends.confirmed(occurredAtMs, currency, totalCents);
      break;
    }
    case "OrderCancelled":
      settle(aggregate, "cancelled", times);
      increment(aggregate.reasons.cancelled, event.reason);
      break;
    case "OrderRejected":
      place(aggregate, times);
      settle(aggregate, "rejected", times);
      increment(aggregate.reasons.rejected, event.reason);
      break;
    case "InventoryUpdated":
      increment(aggregate.events, event.action);
      break;
      // All others, also those of a service of your own, are counted by type alone.
  }
}

function timesOf(aggregate: Aggregate, { occurredAtMs, placedAtMs }: Fact): Times {
  const { perSecond, newestMs } = aggregate;
  if (occurredAtMs > newestMs) {
    aggregate.newestMs = occurredAtMs;
  } else if (perSecond.windowOf(occurredAtMs) <= perSecond.windowOf(newestMs) - SECONDS) {
    aggregate.lateEvents++;
  }
  // Also false where one of them is no time.
  if (placedAtMs <= occurredAtMs) return { occurredAtMs, placedAtMs };
  aggregate.clockSkewEvents++;
  return { occurredAtMs, placedAtMs: occurredAtMs };
}

function place(aggregate: Aggregate, { placedAtMs, occurredAtMs }: Times): void {
  const second = aggregate.perSecond.at(placedAtMs);
  if (second) second.placed++;
  aggregate.trends.placed(placedAtMs, occurredAtMs);
}

function settle(aggregate: Aggregate, outcome: Outcome, times: Times): void {
  const { occurredAtMs, placedAtMs } = times;
  const second = aggregate.perSecond.at(occurredAtMs);
  if (second) {
    second.settled++;
    second[outcome]++;
  }
  const latencyMs = occurredAtMs - placedAtMs;
  aggregate.latency[outcome].add(latencyMs);
  aggregate.perTenSeconds.at(occurredAtMs)?.add(latencyMs);
  aggregate.trends.settled(outcome, occurredAtMs, latencyMs);
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function addCents(
  amounts: AmountsByCurrency | undefined,
  currency: string,
  kind: keyof Amounts,
  cents: number,
): void {
  if (amounts === undefined) return;
  let entry = amounts.get(currency);
  if (!entry) amounts.set(currency, entry = { orderedCents: 0, confirmedCents: 0 });
  entry[kind] = Math.min(entry[kind] + cents, Number.MAX_SAFE_INTEGER);
}
