/** What a reset would do, partition by partition. Pure. */
import { formatCount } from "../../runtime/format.ts";
import type { Topic } from "../../topology.ts";
import { columns } from "./list.ts";
import type { Published } from "./published.ts";

export const TARGETS = ["earliest", "latest", "published", "committed", "tables"] as const;
/** A word, or an offset. */
export type Target = typeof TARGETS[number] | number;

/** One input partition of a service. */
export interface Input {
  readonly topic: Topic;
  /** The topic's name on the cluster. */
  readonly name: string;
  readonly partition: number;
  /** The first offset that is still in the log, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** What the group has committed; undefined for nothing. */
  readonly committed: number | undefined;
  /**
   * Where the service's tables are; undefined where they say nothing of this log. What is below `from`
   * is published, what is below `to` is in the tables (database/positions.ts). `isNew`: the group had
   * committed nothing yet.
   */
  readonly tables:
    | { readonly from: number; readonly to: number; readonly isNew?: boolean }
    | undefined;
  /** Why the tables say nothing of this log. */
  readonly otherLog?: string | undefined;
  /** Where the service's outputs end; only for a reset to `published`. */
  readonly published?: Published | undefined;
}

export interface Step extends Input {
  /** The next offset to be processed after the reset. */
  readonly to: number;
  /** How many offsets are read again; negative: how many are never read. */
  readonly again: number;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** New inputs: they stay as they are, and begin at their beginning. */
  readonly fresh: readonly Input[];
  /** Why it cannot be done, one line a partition. */
  readonly faults: readonly string[];
}

export function makePlan(inputs: readonly Input[], target: Target): Plan {
  const isFresh = (target === "committed" || target === "tables") && !inputs.every(isNew)
    ? isNew
    : () => false;
  const fresh = inputs.filter(isFresh);
  const steps: Step[] = [];
  const faults: string[] = [];
  for (const input of inputs) {
    if (isFresh(input)) continue;
    const to = targetOf(input, target);
    if (typeof to === "string") faults.push(`${input.name}/${input.partition}: ${to}`);
    else steps.push({ ...input, to, again: doneBefore(input, target, to) - to });
  }
  return { steps, fresh, faults };
}

/** Neither the group nor the tables know it, and nothing unread was deleted. */
function isNew({ first, end, committed, tables, otherLog }: Input): boolean {
  const isUnread = (committed ?? first) <= first && otherLog === undefined;
  return isUnread && (tables === undefined || tables.isNew === true) &&
    (first === 0 || first === end);
}

/** Up to where the service has worked, as far as it is known. */
function doneBefore({ first, committed, tables }: Input, target: Target, to: number): number {
  // The group stays where it is; the tables go there.
  if (target === "committed" && tables) return Math.min(Math.max(to, tables.from), tables.to);
  // Where the group has nothing, the tables say how far it was.
  return Math.max(first, committed ?? tables?.from ?? first);
}

/** @returns an offset, or why there is none */
function targetOf(input: Input, target: Target): number | string {
  const { first, end, committed, tables, published } = input;
  switch (target) {
    case "earliest":
      return first;
    case "latest":
      return end;
    case "published":
      return published!.unknown ?? published!.next;
    case "committed":
      return committed ?? "the group has committed nothing: choose another --to";
    case "tables":
      return tables === undefined
        ? `${input.otherLog ?? "the tables do not say where they are"}: choose another --to`
        // Not to `to`: what is not published up to there would never be.
        : within(tables.from, input, "the tables are at");
    default:
      return within(target, { first, end }, "no such offset:");
  }
}

function within(offset: number, { first, end }: { first: number; end: number }, what: string) {
  if (offset >= first && offset <= end) return offset;
  return `${what} ${offset}, and the log is from ${first} to ${end}: choose another --to`;
}

/** What the plan says of each partition, and what it comes to. */
export function planLines({ steps, fresh }: Plan, target: Target): string[] {
  const offset = (value: number | undefined) =>
    value === undefined ? "nothing" : formatCount(value);
  const row = ({ name, partition, committed, tables }: Input, to: number, effect: string) => [
    `${name}/${partition}`,
    offset(committed),
    tables === undefined || tables.from === tables.to
      ? offset(tables?.from)
      : `${formatCount(tables.from)}-${formatCount(tables.to)}`,
    formatCount(to),
    effect,
  ];
  const effectOf = (again: number) =>
    again > 0 ? `repeats ${formatCount(again)}` : again < 0 ? `skips ${formatCount(-again)}` : "";
  const rows = [
    ...steps.map((step) => row(step, step.to, effectOf(step.again))),
    ...fresh.map((input) => row(input, input.first, "new: begins at the beginning")),
  ];
  const sum = (sign: 1 | -1) =>
    steps.reduce((all, { again }) => all + Math.max(0, sign * again), 0);
  return [
    ...columns([["partition", "committed", "tables", "to", ""], ...rows]),
    ...summaryLines(sum(1), sum(-1), target),
    ...steps.flatMap(missingLine),
  ];
}

/** What happens to records, counted by offsets: a control record counts as one. */
const SKIPPED: Record<string, string> = {
  published: "which it has processed, or which ask for no answer",
  tables: "which its tables have",
  committed: "which its tables lack, and will never have",
};
const REPEATED: Record<string, string> = {
  published: "to which it has published no answer",
  committed: "which its tables have, and its group has not",
};

function summaryLines(repeated: number, skipped: number, target: Target): string[] {
  const lines: string[] = [];
  if (skipped > 0) {
    const what = SKIPPED[target] ?? "which will never be processed";
    lines.push(`skips ${formatCount(skipped)} records, ${what}`);
  }
  if (repeated > 0) {
    const what = REPEATED[target] ?? "and publishes again what it has published for them";
    lines.push(`repeats ${formatCount(repeated)} records, ${what}`);
  }
  return lines.length > 0 ? lines : ["repeats nothing and skips nothing"];
}

function missingLine({ name, partition, published }: Step): string[] {
  if (!published?.missing) return [];
  const { first, count } = published.missing;
  return [
    `${name}/${partition}: ${formatCount(count)} records before that, the first of them ` +
    `${first}, have no answer, though later ones have: they stay without`,
  ];
}
