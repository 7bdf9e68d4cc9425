/** A schedule for people: how it was set up, which faults it met, what happened, what was broken. */
import { partitionForKey } from "../../kafka/producer/partitioning.ts";
import { formatDuration, plural } from "../../runtime/format.ts";
import { TOPIC_NAMES } from "../../topology.ts";
import { describe, type Fault } from "../faults/faults.ts";
import type { Result, TraceLine } from "../result.ts";
import type { Shape } from "../shape.ts";

/** Of a trace that is cut: as many lines as a person reads, from the first fault on and at the end. */
const LINES = { before: 5, first: 50, last: 25 };
const MOST_VIOLATIONS = 12;

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
  const lines = violations.slice(0, MOST_VIOLATIONS).flatMap(({ promise, what }) => {
    const [message, ...stack] = what.split("\n");
    return [`  ${promise}  ${message}`, ...stack.flatMap(ownFrame)];
  });
  const more = violations.length - MOST_VIOLATIONS;
  return [...lines, ...more > 0 ? [`  and ${more} more`] : []];
}

/** A line of a stack, where it is one of the code under test. */
function ownFrame(line: string): string[] {
  const [, name, place] =
    /^ +at (?:async )?(?:(\S+) \()?.*\/(src\/(?!simulation\/).*?)\)?$/.exec(line) ?? [];
  return place === undefined ? [] : [`         at ${[name, place].filter(Boolean).join(" ")}`];
}

/** All of it, line by line; what is about the orders of a violation is marked with a `*`. */
export function traceLines(result: Result): string[] {
  const isAbout = relevance(result);
  return result.trace.map((line) => traceLine(line, isAbout(line)));
}

/** The lines that are about the orders of a violation, around the faults and at the end. */
export function relevantLines(result: Result): string[] {
  const isAbout = relevance(result);
  const lines = result.trace.filter((line) => line.isFault || isAbout(line));
  const from = Math.max(0, lines.findIndex(({ isFault }) => isFault) - LINES.before);
  const to = Math.max(from + LINES.first, lines.length - LINES.last);
  return [
    ...skipped(from),
    ...lines.slice(from, from + LINES.first).map((line) => traceLine(line, false)),
    ...skipped(to - from - LINES.first),
    ...lines.slice(to).map((line) => traceLine(line, false)),
  ];
}

function skipped(count: number): string[] {
  return count > 0 ? [`  … ${plural(count, "line")}: --trace shows all`] : [];
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

/** A line of a request or an answer, as the network tells it. */
const EXCHANGE = /^(\S+) ([→←]) (\d+) {2}(\w+)(.*)$/;
/** So many, and so little in each, that they hide the others. */
const NOISE = ["Fetch", "Heartbeat", "ListOffsets", "Metadata"];

/**
 * Whether a line names an order of a violation, or the partition of one: all events of an order are in one
 * partition number, and a transactional id is that of an input partition. Without an order, whether it is no
 * noise. To be called with all lines in their order, as an answer does not name what was asked.
 */
function relevance({ violations, shape }: Result): (line: TraceLine) => boolean {
  const orders = [...new Set(violations.flatMap((violation) => violation.orders))];
  const partitions = new Set(orders.map((order) => partitionForKey(order, shape.partitions)));
  const topics = TOPIC_NAMES.map((topic) => topic.replace(".", "\\."));
  const place = new RegExp(`(?:${topics.join("|")})[/-](?:${[...partitions].join("|")})(?!\\d)`);
  /** Relevant requests without an answer yet, by who asked whom for what. */
  const asked = new Map<string, number>();
  return ({ text }) => {
    const [, who, direction, node, api] = EXCHANGE.exec(text) ?? [];
    if (api === undefined || !/^[A-Z]/.test(api)) {
      return orders.length === 0 || place.test(text) ||
        orders.some((order) => text.includes(order));
    }
    if (NOISE.includes(api)) return false;
    const key = `${who} ${node} ${api}`;
    const count = asked.get(key) ?? 0;
    if (direction === "←") {
      asked.set(key, Math.max(0, count - 1));
      return count > 0;
    }
    const isAbout = orders.length === 0 || place.test(text);
    if (isAbout) asked.set(key, count + 1);
    return isAbout;
  };
}
