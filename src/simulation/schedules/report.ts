/** What the command prints of many schedules. */
import { alignColumns, formatCount, formatDuration, plural } from "../../runtime/format.ts";
import { ERROR_ANSWERS } from "../faults/error_answers.ts";
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

export function summaryLines(tally: Tally, first: number, { wallMs, cpuMs }: Costs): string[] {
  const { schedules, orders, failures } = tally;
  const each = schedules > 0 ? `, ${(cpuMs / schedules).toFixed(1)} ms a schedule` : "";
  return [
    `${plural(schedules, "schedule")}, ${plural(orders, "order")} in ${formatDuration(wallMs)} ` +
    `(${formatDuration(cpuMs)} of CPU${each})`,
    `seeds ${first} to ${first + Math.max(0, schedules - 1)}; again: ` +
    `deno task sim --seed ${first} --schedules ${schedules}`,
    failures.length === 0
      ? "every promise was kept"
      : `${plural(failures.length, "schedule")} broke a promise: ${failureList(failures)}`,
  ];
}

const MOST_LISTED = 20;

function failureList(failures: readonly Failure[]): string {
  const listed = failures.slice(0, MOST_LISTED).map(({ seed, violations }) =>
    `${seed} (${[...new Set(violations.map(({ promise }) => promise))].join(", ")})`
  );
  const more = failures.length - listed.length;
  return [...listed, ...more > 0 ? [`and ${more} more`] : []].join(", ");
}

/** The first of each promise, then others, in the order of their seeds. */
export function worthExplaining(failures: readonly Failure[], most: number): number[] {
  const firsts = new Map<string, number>();
  for (const { seed, violations } of failures) {
    const { promise } = violations[0]!;
    if (!firsts.has(promise)) firsts.set(promise, seed);
  }
  return [...new Set([...firsts.values(), ...failures.map(({ seed }) => seed)])].slice(0, most)
    .toSorted((a, b) => a - b);
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
