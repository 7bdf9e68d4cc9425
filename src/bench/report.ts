/** The figures as a table for people, and as JSON for programs. */
import { alignColumns, formatCount, NOTHING } from "../runtime/format.ts";
import type { Comparison, Summary, Unit } from "./figures.ts";

/** Whose pipeline was measured. */
export interface Side {
  /** `this` or `other`. */
  readonly name: string;
  readonly checkout: string;
  /** Of git, `-dirty` where files differ from it; undefined outside of a repository. */
  readonly revision: string | undefined;
}

/** Rows of a table in plain text; a scenario has a heading. */
export function table(sides: readonly Side[], rows: readonly Comparison[]): string {
  const several = sides.length > 1;
  const cells = rows.map(({ label, unit, sides }) => [
    `  ${label}`,
    ...sides.map((summary) => summaryText(summary, unit)),
    ...several ? [ratioText(sides[0], sides[1])] : [],
  ]);
  const head = several ? ["", ...sides.map(({ name }) => name), "this ÷ other"] : ["", ""];
  const [headLine, ...lines] = alignColumns([head, ...cells], "   ").map((line) => line.trimEnd());
  return [
    ...several ? [headLine!] : [],
    ...lines.flatMap((line, i) => {
      const { scenario } = rows[i]!;
      return scenario === rows[i - 1]?.scenario ? [line] : [scenario, line];
    }),
  ].join("\n");
}

/** `4,321 orders/s`; of several runs with the smallest and the largest: `4,321 (4,100–4,500) orders/s`. */
export function summaryText(summary: Summary | undefined, unit: Unit): string {
  if (!summary) return NOTHING;
  const { values, median, min, max } = summary;
  const range = values.length > 1 ? ` (${number(min)}–${number(max)})` : "";
  return `${number(median)}${range}${unit && ` ${unit}`}`;
}

function ratioText(a: Summary | undefined, b: Summary | undefined): string {
  return a && b && b.median !== 0 ? (a.median / b.median).toFixed(2) : NOTHING;
}

/** Three digits, at least those before the point. */
function number(value: number): string {
  if (value === 0 || Math.abs(value) >= 100) return formatCount(value);
  return value.toPrecision(3);
}

/** What `--json` prints. */
export function report(sides: readonly Side[], rows: readonly Comparison[]) {
  return {
    cores: navigator.hardwareConcurrency,
    sides,
    figures: rows.map(({ sides: summaries, ...row }) => ({
      ...row,
      sides: summaries.map((summary) => summary ?? null),
    })),
  };
}
