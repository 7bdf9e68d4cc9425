/** What the command prints of many schedules. */
import { alignColumns, formatCount, formatDuration, plural } from "../../runtime/format.ts";
import { ERROR_ANSWERS } from "../faults/error_answers.ts";
import { SERVICES } from "../services.ts";
import { commandFor, type RunOptions } from "./explain.ts";
import type { Failure, Tally } from "./tally.ts";

export interface Costs {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** `1,234 schedules, 24,680 orders, 31 s, 0 failed` */
export function progressLine(tally: Tally, wallMs: number): string {
  return `${plural(tally.schedules, "schedule")}, ${plural(tally.orders, "order")}, ` +
    `${formatDuration(wallMs)}, ${tally.failures.length} failed`;
}

export function summaryLines(
  tally: Tally,
  { first, options }: { readonly first: number; readonly options: RunOptions },
  { wallMs, cpuMs }: Costs,
): string[] {
  const { schedules, orders, failures } = tally;
  const each = schedules > 0 ? `, ${(cpuMs / schedules).toFixed(1)} ms a schedule` : "";
  return [
    `${plural(schedules, "schedule")}, ${plural(orders, "order")} in ${formatDuration(wallMs)} ` +
    `(${formatDuration(cpuMs)} of CPU${each})`,
    `seeds ${first} to ${first + Math.max(0, schedules - 1)}; again: ` +
    `${commandFor(first, options)} --schedules ${schedules}`,
    ...failures.length === 0
      ? ["every promise was kept"]
      : [`${plural(failures.length, "schedule")} broke a promise:`, ...failureLines(failures)],
  ];
}

/** What `--json` prints. */
export function summaryJson(
  { schedules, orders, failures }: Tally,
  firstSeed: number,
  { wallMs, cpuMs }: Costs,
) {
  const [wall, cpu] = [Math.round(wallMs), Math.round(cpuMs)];
  return { firstSeed, schedules, orders, wallMs: wall, cpuMs: cpu, failures };
}

const MOST_LISTED = 8;

/** A line for each way to fail: what failed first, without its names and numbers, is the same. */
function failureLines(failures: readonly Failure[]): string[] {
  return [...byKind(failures)].map(([kind, alike]) => {
    const seeds = alike.slice(0, MOST_LISTED).map(({ seed }) => seed);
    const more = alike.length - seeds.length;
    return `  ${kind}: ${seeds.join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
  });
}

function byKind(failures: readonly Failure[]): Map<string, Failure[]> {
  return Map.groupBy(failures, ({ violations: [first] }) => {
    const { promise, what } = first!;
    const [line] = what.split("\n");
    const kind = line!.replaceAll(REPLICA, "…").replaceAll(/\d[\d,]*/g, "…");
    return `${promise}  ${kind.slice(0, MOST_OF_KIND)}`;
  });
}

const MOST_OF_KIND = 70;
const REPLICA = new RegExp(`\\b(?:${SERVICES.join("|")})-\\d+`, "g");

/** The first of each kind, then others, in the order of their seeds. */
export function worthExplaining(failures: readonly Failure[], most: number): number[] {
  const firsts = [...byKind(failures).values()].map(([first]) => first!);
  const seeds = new Set([...firsts, ...failures].map(({ seed }) => seed));
  return [...seeds].slice(0, most).toSorted((a, b) => a - b);
}

/** How often each fault happened, and each error code was answered. */
export function coverageLines({ faults, met }: Tally): string[] {
  const codes = [...met].filter(([what]) => isAnswer(what));
  const others = [...met].filter(([what]) => !isAnswer(what));
  const never = [...ERROR_ANSWERS].flatMap(([api, answers]) =>
    answers.map(({ name }) => `${api} ${name}`)
  ).filter((what) => !met.has(what));
  return [
    "faults:",
    ...table([...faults]),
    "what requests met:",
    ...table(others),
    "error codes:",
    ...table(codes),
    ...never.length > 0 ? [`never met: ${never.join(", ")}`] : [],
  ];
}

function isAnswer(what: string): boolean {
  return (ERROR_ANSWERS as ReadonlyMap<string, unknown>).has(what.split(" ")[0]!);
}

function table(rows: readonly (readonly [what: string, count: number])[]): string[] {
  const sorted = rows.toSorted(([a], [b]) => a < b ? -1 : 1);
  return alignColumns(sorted.map(([what, count]) => [what, formatCount(count)]))
    .map((line) => `  ${line}`);
}
