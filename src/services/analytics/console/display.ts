/**
 * The figures as text: a block for a terminal, or one line. Pure. It shows counts, words of closed lists
 * and names of groups only: no customer, product or order.
 */
import { OUTCOMES } from "../aggregate.ts";
import type { Figures, Latency, Rates, Reading, Snapshot } from "../snapshot.ts";
import {
  alignColumns,
  formatCount,
  formatDuration,
  formatMoney,
  formatRate,
  formatShare,
  NOTHING,
  plural,
  utcTimeOfDay,
} from "../../../runtime/format.ts";

/** How many minutes of revenue are shown. */
const MINUTES = 3;
const REASONS_PER_LINE = 3;

/** Indents a part; its first line begins with the label. */
function part(label: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `${(index === 0 ? label : "").padEnd(12)}${line}`);
}

/**
 * All figures, each with its unit and what it means.
 *
 * @param nowMs epoch milliseconds, for how long ago the newest event was
 */
export function block({ snapshot, reading, lag }: Figures, nowMs: number): string[] {
  return [
    "orderflow analytics",
    sourceOf(reading),
    reading.notReady ? `NOT READING: ${reading.notReady}` : newest(snapshot, nowMs),
    "",
    ...part("orders", orders(snapshot)),
    ...part("outcomes", outcomes(snapshot)),
    ...part("latency", latencies(snapshot)),
    ...part("revenue", revenue(snapshot)),
    ...part("lag", lags(lag)),
    ...part("notes", notes(snapshot, reading)),
  ];
}

function sourceOf({ source, group, partitions, startedAt }: Reading): string {
  return source === "log"
    ? `counts everything in the log, ${partitions} partitions, in no consumer group`
    : `counts what this member of the group ${group} has read since ` +
      `${utcTimeOfDay(startedAt)} UTC, ${partitions} partitions`;
}

function newest({ newestEventAt }: Snapshot, nowMs: number): string {
  if (newestEventAt === null) return "no event yet";
  const agoMs = Math.max(0, nowMs - Date.parse(newestEventAt));
  const ago = `${formatCount(agoMs / 1_000)} s ago`;
  return `newest event at ${utcTimeOfDay(newestEventAt)} UTC, ${ago}; ` +
    "all times are those inside the events";
}

function orders({ orders, ratesPerSecond }: Snapshot): string[] {
  const { last10Seconds, last60Seconds } = ratesPerSecond;
  const row = (name: keyof Rates) => [
    name,
    formatCount(orders[name]),
    formatRate(last10Seconds?.[name]),
    formatRate(last60Seconds?.[name]),
  ];
  const explanations = [
    "",
    "decided on by the validator",
    "passed its checks",
    "have their outcome",
    "validated, still without outcome",
  ];
  const table = alignColumns([
    ["", "in total", "last 10 s", "last 60 s"],
    row("placed"),
    row("validated"),
    row("settled"),
    ["open", formatCount(orders.open), "", ""],
  ]);
  return table.map((line, index) => `${line}  ${explanations[index]}`.trimEnd());
}

function outcomes({ orders, cancelledByReason, rejectedByReason }: Snapshot): string[] {
  const why = {
    confirmed: ["in stock and paid"],
    cancelled: byReason(cancelledByReason),
    rejected: byReason(rejectedByReason),
  };
  const table = alignColumns(
    OUTCOMES.map((outcome) => [
      outcome,
      formatCount(orders[outcome]),
      formatShare(orders[outcome], orders.settled),
    ]),
  );
  return table.flatMap((line, index) => {
    const [first = "", ...others] = why[OUTCOMES[index]!];
    const indent = " ".repeat(line.length);
    return [`${line}  ${first}`.trimEnd(), ...others.map((other) => `${indent}  ${other}`)];
  });
}

/** The most frequent first, a few to a line. */
function byReason(reasons: Readonly<Record<string, number>>): string[] {
  const words = Object.entries(reasons)
    .toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([reason, orders]) => `${reason} ${formatCount(orders)}`);
  const lines: string[] = [];
  while (words.length > 0) lines.push(words.splice(0, REASONS_PER_LINE).join(", "));
  return lines;
}

function latencies({ latency }: Snapshot): string[] {
  const row = (name: string, { p50Ms, p95Ms, p99Ms, maxMs }: Latency) => [
    name,
    ...[p50Ms, p95Ms, p99Ms, maxMs].map(formatDuration),
  ];
  return alignColumns([
    ["from placed to outcome", "p50", "p95", "p99", "longest"],
    row("all orders", latency.all),
    ...OUTCOMES.map((outcome) => row(outcome, latency[outcome])),
    row("settled in the last minute", latency.lastMinute),
  ]);
}

function revenue({ money: amounts, perMinute }: Snapshot): string[] {
  const lines = Object.entries(amounts).toSorted().flatMap(([currency, amount]) => {
    const total = `${formatMoney(amount.confirmedCents, currency)} confirmed of ` +
      `${formatMoney(amount.orderedCents, currency)} ordered`;
    const minutes = perMinute.currencies[currency]?.confirmedCents ?? [];
    const first = Math.max(0, minutes.length - MINUTES);
    const recent = minutes.slice(first).map((cents, index) => {
      const startsAtMs = perMinute.startsAtMs + (first + index) * perMinute.windowMs;
      return `${utcTimeOfDay(startsAtMs).slice(0, 5)} ${formatMoney(cents, currency)}`;
    });
    if (recent.length === 0) return [total];
    return [total, `  by minute: ${recent.join(", ")} so far`];
  });
  return lines.length > 0 ? lines : [NOTHING];
}

function lags(lag: Figures["lag"]): string[] {
  if (lag === null) return ["unknown: Kafka does not answer"];
  const rows = lag.map(({ service, members, lagMessages, topics }) => {
    const behind = topics.filter((topic) => topic.lagMessages > 0)
      .map((topic) => `${topic.topic} ${formatCount(topic.lagMessages)}`);
    const table = [service, formatCount(members), formatCount(lagMessages)];
    return { table, behind: topics.length > 1 ? behind.join(", ") : "" };
  });
  const table = alignColumns([
    ["consumer group", "members", "messages to read"],
    ...rows.map((row) => row.table),
  ]);
  return table.map((line, index) => `${line}  ${rows[index - 1]?.behind ?? ""}`.trimEnd());
}

/** What the other figures leave out, if anything. */
function notes({ lateEvents, clockSkewEvents }: Snapshot, reading: Reading): string[] {
  const say = (n: number, what: string, text: string) =>
    n > 0 ? [`${plural(n, what)} ${text}`] : [];
  return [
    ...say(lateEvents, "event", "more than ten minutes late: in the totals, not in the rates"),
    ...say(clockSkewEvents, "event", "older than the order (a clock is off): latency counted as 0"),
    ...say(reading.undecodableMessages, "message", "left out: not an event"),
  ];
}

/** The main figures in one line. */
export function line({ snapshot, lag }: Figures): string {
  const { newestEventAt, orders, latency, ratesPerSecond } = snapshot;
  if (newestEventAt === null) return "no event yet";
  const rates = ratesPerSecond.last10Seconds;
  const { p50Ms, p99Ms } = latency.all;
  const revenue = Object.entries(snapshot.money).toSorted()
    .map(([currency, { confirmedCents }]) => formatMoney(confirmedCents, currency));
  const behind = lag?.map(({ service, lagMessages }) => `${service} ${formatCount(lagMessages)}`);
  return [
    `${utcTimeOfDay(newestEventAt)} UTC`,
    `placed ${formatCount(orders.placed)} (${formatRate(rates?.placed)})`,
    `settled ${formatCount(orders.settled)} (${formatRate(rates?.settled)}): ` +
    OUTCOMES.map((outcome) => `${outcome} ${formatCount(orders[outcome])}`).join(", "),
    `placed to outcome p50 ${formatDuration(p50Ms)}, p99 ${formatDuration(p99Ms)}`,
    `revenue ${revenue.join(", ") || NOTHING}`,
    `lag ${behind?.join(", ") ?? NOTHING}`,
  ].join("; ");
}
