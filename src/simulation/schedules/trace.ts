/** A schedule for people: how it was set up, which faults it met, what happened, what was broken. */
import { partitionForKey } from "../../kafka/producer/partitioning.ts";
import { formatDuration, plural } from "../../runtime/format.ts";
import { TOPIC_NAMES } from "../../topology.ts";
import { describe, type Fault } from "../faults/faults.ts";
import type { Result, TraceLine } from "../result.ts";
import { COPY_TOPICS, SERVICES } from "../services.ts";
import type { Shape } from "../shape.ts";

/** Of a trace that is cut: lines around each fault and each end of a process, and the last ones. */
const AROUND = { before: 4, after: 8, most: 80, last: 20 };
const MOST_VIOLATIONS = 12;

/** `3 brokers, 2 partitions, 2 replicas of each service, 20 orders within 15 s, …` */
export function describeShape(shape: Shape): string {
  const { brokers, partitions, replicas, orders, maxBatch, placedForMs, guarantee } = shape;
  const { services, transactionTimeoutMs } = shape;
  return [
    plural(brokers, "broker"),
    plural(partitions, "partition"),
    `${plural(replicas, "replica")} of ${
      services.length > 1 ? "each service" : `the ${services[0]}`
    }`,
    `${plural(orders, "order")} ${
      placedForMs === 0 ? "at once" : `within ${formatDuration(placedForMs)}`
    }`,
    `at most ${plural(maxBatch, "message")} in a transaction, which may last ${
      formatDuration(transactionTimeoutMs)
    }`,
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

/** The lines that are about the orders of a violation, around what makes it a schedule, and the last. */
export function relevantLines(result: Result): string[] {
  const isAbout = relevance(result);
  const lines = result.trace.filter((line) => isAbout(line) || isTurn(line));
  const shown = new Set<number>();
  for (const [i, line] of lines.entries()) {
    if (!isTurn(line) || shown.size >= AROUND.most) continue;
    for (let at = i - AROUND.before; at <= i + AROUND.after; at++) shown.add(at);
  }
  const last = lines.length - AROUND.last;
  let left = 0;
  const kept: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (i < last && !shown.has(i)) {
      left++;
      continue;
    }
    kept.push(...skipped(left), traceLine(line, false));
    left = 0;
  }
  return kept;
}

/** Where things go another way: a fault begins, or is met; a process ends. */
function isTurn({ text, isFault = false }: TraceLine): boolean {
  return isFault || /^\S+ → \d+ {2}\w+: |^\S+ ends$/.test(text);
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
const EXCHANGE = /^(\S+) ([→←]) (\d+) {2}(\w+)/;
/** So many, and so little in each, that they hide the others. */
const NOISE = ["Fetch", "Heartbeat", "ListOffsets", "Metadata"];

/**
 * Whether a line is about a violation: it names an order of it, or the partition of one (all events of an
 * order are in one partition number), or a process or a partition that the violation names. Of a violation
 * that names none, every line but noise is. To be called with all lines in their order, as an answer does
 * not name what was asked.
 */
function relevance({ violations, shape }: Result): (line: TraceLine) => boolean {
  const names = namesIn(violations, shape);
  const isNamed = (text: string) => names === undefined || names.test(text);
  /** Relevant requests without an answer yet, by who asked whom for what. */
  const asked = new Map<string, number>();
  return ({ text }) => {
    const [, who, direction, node, api] = EXCHANGE.exec(text) ?? [];
    if (api === undefined) return isNamed(text);
    if (NOISE.includes(api)) return false;
    const key = `${who} ${node} ${api}`;
    const count = asked.get(key) ?? 0;
    if (direction === "←") {
      asked.set(key, Math.max(0, count - 1));
      return count > 0;
    }
    if (isNamed(text)) asked.set(key, count + 1);
    return isNamed(text);
  };
}

/** What a line has to name; undefined: nothing. */
function namesIn(violations: Result["violations"], { partitions }: Shape): RegExp | undefined {
  const text = violations.map(({ what }) => what).join("\n");
  const orders = [...new Set(violations.flatMap((violation) => violation.orders))];
  const numbers = new Set(orders.map((order) => partitionForKey(order, partitions)));
  const topics = [...TOPIC_NAMES, ...COPY_TOPICS].map((topic) => topic.replace(".", "\\.")).join(
    "|",
  );
  const place = (topic: string, number: number | string) => `(?:${topic})[/-]${number}(?!\\d)`;
  const names = [
    ...orders,
    ...[...numbers].map((number) => place(topics, number)),
    ...[...text.matchAll(new RegExp(`(${topics}) (\\d+)`, "g"))].map(([, topic, number]) =>
      place(topic!.replace(".", "\\."), number!)
    ),
    ...[...text.matchAll(new RegExp(`(?:${SERVICES.join("|")})-\\d+(?![\\w.])`, "g"))].map((
      [name],
    ) => `^${name}(?!\\d)`),
  ];
  return names.length === 0 ? undefined : new RegExp([...new Set(names)].join("|"));
}
