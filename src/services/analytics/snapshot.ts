/**
 * The figures at one moment: one plain JSON object, the same for the console, the HTTP route and the
 * page.
 */
import {
  type Aggregate,
  type Amounts,
  type AmountsByCurrency,
  type OrderCounts,
  type Outcome,
  OUTCOMES,
} from "./aggregate.ts";
import { LatencyHistogram } from "./histogram.ts";
import type { Series } from "./windows.ts";
import type { GroupLag } from "../../kafka/offsets/group_lag.ts";

/** From placed to outcome; null before an order is settled. p50 to p99 are at most 2 % off. */
export interface Latency {
  readonly orders: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

/** Orders a second, the mean over some seconds. */
export type Rates = { readonly [K in keyof OrderCounts]: number };

/** One column for each figure, all of the same length: its value in each window, the newest last. */
type Columns<K extends string, V = number> = {
  /** Epoch milliseconds at which the first window begins; the others follow without gaps. */
  readonly startsAtMs: number;
  readonly windowMs: number;
} & { readonly [N in K]: readonly V[] };

/** The figures of now, without what they were before. */
export interface Totals {
  /** Newest time in any event, ISO 8601; null before the first event. */
  readonly newestEventAt: string | null;
  /** In total. */
  readonly orders: {
    /** Orders that the validator has decided on; earlier ones, and dead letters, are not known here. */
    readonly placed: number;
    readonly validated: number;
    readonly confirmed: number;
    readonly cancelled: number;
    readonly rejected: number;
    /** Confirmed, cancelled or rejected. */
    readonly settled: number;
    /** Validated, and still without outcome. */
    readonly open: number;
  };
  /** In total; reasons that occurred. */
  readonly cancelledByReason: Readonly<Record<string, number>>;
  readonly rejectedByReason: Readonly<Record<string, number>>;
  /** What inventory decided and did, orders in total. */
  readonly stock: {
    readonly reserved: number;
    readonly refused: number;
    readonly released: number;
  };
  /** What became of the charges, orders in total. */
  readonly payments: {
    readonly processed: number;
    readonly failed: number;
    readonly refunded: number;
  };
  /** In total, by currency code. `confirmedCents` is the revenue. */
  readonly money: Readonly<Record<string, Readonly<Amounts>>>;
  /** In total, by outcome, and of the orders settled in the newest minute. */
  readonly latency: { readonly [K in Outcome | "all" | "lastMinute"]: Latency };
  /** Means over the last full seconds of events; null before there is one. */
  readonly ratesPerSecond: {
    readonly last10Seconds: Rates | null;
    readonly last60Seconds: Rates | null;
  };
  /**
   * Events that arrived more than ten minutes behind the newest: in the totals, not in the windows.
   * Only this figure depends on the order of arrival.
   */
  readonly lateEvents: number;
  /** Events that claim to be older than their order: their latency counts as 0. */
  readonly clockSkewEvents: number;
}

export interface Snapshot extends Totals {
  /** Orders in each second of the last ten minutes; placed by when they were placed. */
  readonly perSecond: Columns<keyof OrderCounts>;
  /** Latency of the orders settled in each ten seconds of the last ten minutes. */
  readonly perTenSeconds: Columns<"orders"> & Columns<"p50Ms" | "p95Ms" | "p99Ms", number | null>;
  /** Amounts in each minute of the last hour, by currency code; ordered by when they were placed. */
  readonly perMinute: {
    readonly startsAtMs: number;
    readonly windowMs: number;
    readonly currencies: Readonly<
      Record<string, { readonly [K in keyof Amounts]: readonly number[] }>
    >;
  };
}

/**
 * The figures now; later events do not change it.
 *
 * @param nowMs epoch milliseconds: the windows reach up to it, and not only to the newest event, so
 * that rates go to 0 when nothing happens any more
 */
export function totals(aggregate: Aggregate, nowMs = -Infinity): Totals {
  return totalsOf(aggregate, newestWindows(aggregate, nowMs));
}

function totalsOf(
  aggregate: Aggregate,
  { seconds, tens }: ReturnType<typeof newestWindows>,
): Totals {
  const { newestMs, events, reasons, lateEvents, clockSkewEvents } = aggregate;
  const hasEvents = newestMs > -Infinity;
  const count = (name: string) => events.get(name) ?? 0;
  const validated = count("OrderValidated");
  const confirmed = count("OrderConfirmed");
  const cancelled = count("OrderCancelled");
  const rejected = count("OrderRejected");
  return {
    newestEventAt: hasEvents ? new Date(newestMs).toISOString() : null,
    orders: {
      placed: validated + rejected,
      validated,
      confirmed,
      cancelled,
      rejected,
      settled: confirmed + cancelled + rejected,
      // An outcome may be read before its order: partitions are read at their own pace.
      open: Math.max(0, validated - confirmed - cancelled),
    },
    cancelledByReason: Object.fromEntries(reasons.cancelled),
    rejectedByReason: Object.fromEntries(reasons.rejected),
    stock: {
      reserved: count("reserved"),
      refused: count("InventoryRejected"),
      released: count("released"),
    },
    payments: {
      processed: count("PaymentProcessed"),
      failed: count("PaymentFailed"),
      refunded: count("PaymentRefunded"),
    },
    money: Object.fromEntries(
      [...aggregate.money].map(([currency, amounts]) => [currency, { ...amounts }]),
    ),
    latency: {
      ...latencyByOutcome(aggregate.latency),
      lastMinute: latencyOf(merged(tens.values.slice(-6))),
    },
    ratesPerSecond: {
      last10Seconds: rates(seconds.values, 10),
      last60Seconds: rates(seconds.values, 60),
    },
    lateEvents,
    clockSkewEvents,
  };
}

/** The totals, with the windows of the last ten minutes and of the last hour; as `totals`. */
export function snapshot(aggregate: Aggregate, nowMs = -Infinity): Snapshot {
  const windows = newestWindows(aggregate, nowMs);
  const { seconds, tens } = windows;
  const minutes = aggregate.perMinute.upTo(windows.upToMs);
  return {
    ...totalsOf(aggregate, windows),
    perSecond: {
      startsAtMs: seconds.startsAtMs,
      windowMs: aggregate.perSecond.widthMs,
      ...countColumns(seconds),
    },
    perTenSeconds: {
      startsAtMs: tens.startsAtMs,
      windowMs: aggregate.perTenSeconds.widthMs,
      ...latencyColumns(tens),
    },
    perMinute: {
      startsAtMs: minutes.startsAtMs,
      windowMs: aggregate.perMinute.widthMs,
      currencies: amountColumns(minutes),
    },
  };
}

function newestWindows({ newestMs, perSecond, perTenSeconds }: Aggregate, nowMs: number) {
  const upToMs = newestMs > -Infinity ? Math.max(newestMs, nowMs) : 0;
  return { upToMs, seconds: perSecond.upTo(upToMs), tens: perTenSeconds.upTo(upToMs) };
}

function latencyByOutcome(latency: Aggregate["latency"]) {
  const { confirmed, cancelled, rejected } = latency;
  return {
    all: latencyOf(merged(OUTCOMES.map((outcome) => latency[outcome]))),
    confirmed: latencyOf(confirmed),
    cancelled: latencyOf(cancelled),
    rejected: latencyOf(rejected),
  };
}

function merged(histograms: readonly (LatencyHistogram | undefined)[]): LatencyHistogram {
  const sum = new LatencyHistogram();
  for (const histogram of histograms) if (histogram) sum.merge(histogram);
  return sum;
}

function latencyOf(histogram: LatencyHistogram | undefined): Latency {
  if (histogram === undefined || histogram.count === 0) {
    return { orders: 0, p50Ms: null, p95Ms: null, p99Ms: null, maxMs: null };
  }
  return {
    orders: histogram.count,
    p50Ms: histogram.quantile(0.5),
    p95Ms: histogram.quantile(0.95),
    p99Ms: histogram.quantile(0.99),
    maxMs: histogram.maxMs,
  };
}

/** The newest second is left out: it is not over. */
function rates(seconds: readonly (OrderCounts | undefined)[], over: number): Rates | null {
  const full = seconds.slice(0, -1).slice(-over);
  if (full.length === 0) return null;
  return eachCount((name) =>
    full.reduce((sum, second) => sum + (second?.[name] ?? 0), 0) / full.length
  );
}

function countColumns({ values }: Series<OrderCounts>) {
  return eachCount((name) => values.map((second) => second?.[name] ?? 0));
}

function eachCount<V>(of: (name: keyof OrderCounts) => V): Record<keyof OrderCounts, V> {
  return {
    placed: of("placed"),
    validated: of("validated"),
    settled: of("settled"),
    confirmed: of("confirmed"),
    cancelled: of("cancelled"),
    rejected: of("rejected"),
  };
}

function latencyColumns({ values }: Series<LatencyHistogram>) {
  const latencies = values.map(latencyOf);
  return {
    orders: latencies.map(({ orders }) => orders),
    p50Ms: latencies.map(({ p50Ms }) => p50Ms),
    p95Ms: latencies.map(({ p95Ms }) => p95Ms),
    p99Ms: latencies.map(({ p99Ms }) => p99Ms),
  };
}

function amountColumns({ values }: Series<AmountsByCurrency>) {
  const currencies = new Set(values.flatMap((amounts) => [...amounts?.keys() ?? []]));
  const column = (currency: string, kind: keyof Amounts) =>
    values.map((amounts) => amounts?.get(currency)?.[kind] ?? 0);
  return Object.fromEntries(
    [...currencies].map((currency) => [currency, {
      orderedCents: column(currency, "orderedCents"),
      confirmedCents: column(currency, "confirmedCents"),
    }]),
  );
}

/** Where the events come from. */
export interface Reading {
  /** As a member of the consumer group, or straight from the log. */
  readonly source: "group" | "log";
  /** The group's name on the cluster. */
  readonly group: string;
  /** Partitions that are read: those assigned to this member, or all. */
  readonly partitions: number;
  /** ISO 8601. As a member of the group, the figures hold nothing that the group had read before. */
  readonly startedAt: string;
  /** Why nothing, or not everything, can be read right now; null when all is well. */
  readonly notReady: string | null;
  /** While the log is read up to its end: offsets passed, of how many; null when that is done. */
  readonly progress: { readonly passed: number; readonly expected: number } | null;
  /** Messages that are not events, and in none of the figures. */
  readonly undecodableMessages: number;
}

/** What is displayed, and served at /snapshot. */
export interface Figures {
  readonly snapshot: Snapshot;
  readonly reading: Reading;
  /** How far each consumer group is behind; null while Kafka does not answer. */
  readonly lag: readonly GroupLag[] | null;
}
