/** A schedule for people: how it was set up, which faults it met, what happened, what was broken. */
import { partitionForKey } from "../../kafka/producer/partitioning.ts";
import { formatCount, formatDuration, plural } from "../../runtime/format.ts";
import { TOPIC_NAMES } from "../../topology.ts";
import { describe, type Fault } from "../faults/faults.ts";
import type { Result, TraceLine } from "../result.ts";
import type { Shape } from "../shape.ts";

/** Of a trace that is cut: as many lines as a person reads. */
const LAST_LINES = 60;

/** `3 brokers, 2 partitions, 2 replicas of each service, 20 orders within 15 s, …` */
export function describeShape(shape: Shape): string {
  const { brokers, partitions, replicas, orders, maxBatch, placedForMs, guarantee } = shape;
  return [
    plural(brokers, "broker"),
    plural(partitions, "partition"),
    `${plural(replicas, "replica")} of each service`,
    `${plural(orders, "order")} ${
      placedForMs === 0 ? "at once" : `within ${formatDuration(placedForMs)}`
    }`,
    `at most ${plural(maxBatch, "message")} in a transaction`,
    guarantee.replaceAll("_", " "),
  ].join(", ");
}

export function faultLines(faults: readonly Fault[]): string[] {
  return faults.length === 0 ? ["  no faults"] : faults.map((fault) => `  ${describe(fault)}`);
}

export function violationLines({ violations }: Pick<Result, "violations">): string[] {
  return violations.map(({ promise, what, orders }) =>
    `  ${promise}  ${what}${orders.length > 0 ? ` (${orders.join(", ")})` : ""}`
  );
}

/** All of it, line by line; what is about the orders of a violation is marked with a `*`. */
export function traceLines(result: Result): string[] {
  const isAbout = relevance(result);
  return result.trace.map((line) => traceLine(line, isAbout(line)));
}

/** The last lines that are about the orders of a violation, and the faults among them. */
export function relevantLines(result: Result): string[] {
  const isAbout = relevance(result);
  const lines = result.trace.filter((line) => line.isFault || isAbout(line));
  const left = lines.length - LAST_LINES;
  return [
    ...left > 0 ? [`  … ${formatCount(left)} lines before: --trace shows all`] : [],
    ...lines.slice(-LAST_LINES).map((line) => traceLine(line, false)),
  ];
}

function traceLine({ atMs, text, isFault = false }: TraceLine, isMarked: boolean): string {
  const at = atMs.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const mark = isFault ? "!" : isMarked ? "*" : " ";
  const [, who, rest] = /^(\S+) ([→←] .*)$/s.exec(text) ?? [];
  const told = who === undefined ? text : `${who.padEnd(WHO_WIDTH)} ${rest}`;
  return `${mark} ${at.padStart(AT_WIDTH)}  ${told}`;
}

const AT_WIDTH = "100,000.0".length;
const WHO_WIDTH = "fulfillment-3".length;

/**
 * Whether a line names an order of a violation, or the partition of one: all events of an order are in one
 * partition number, and a transactional id is that of an input partition.
 */
function relevance({ violations, shape }: Result): (line: TraceLine) => boolean {
  const orders = [...new Set(violations.flatMap((violation) => violation.orders))];
  if (orders.length === 0) return () => true;
  const partitions = new Set(orders.map((order) => partitionForKey(order, shape.partitions)));
  const topics = TOPIC_NAMES.map((topic) => topic.replace(".", "\\."));
  const place = new RegExp(`(?:${topics.join("|")})[/-](?:${[...partitions].join("|")})(?!\\d)`);
  return ({ text }) =>
    !/^\S+ [→←] \d+ {2}(?:Fetch|Metadata|ListOffsets)/.test(text) && place.test(text) ||
    orders.some((order) => text.includes(order));
}
