/** What is measured, and what several measurements of the same thing say together. */

export type Unit =
  | "orders/s"
  | "events/s"
  | "messages/s"
  | "requests/s"
  | "µs"
  | "KiB"
  | "MiB"
  | "ms"
  | "bytes"
  | "%"
  | "";

export interface Figure {
  /** Such as `validator: CPU an order`. */
  readonly label: string;
  readonly unit: Unit;
  readonly value: number;
}

/** What one scenario measured once. */
export interface Sample {
  readonly scenario: string;
  readonly figures: readonly Figure[];
}

/** One figure over all runs. */
export interface Summary {
  /** In the order of the runs. */
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** A row of the report: a figure of each side. */
export interface Comparison {
  readonly scenario: string;
  readonly label: string;
  readonly unit: Unit;
  /** In the order of the sides; undefined where a side has no such figure. */
  readonly sides: readonly (Summary | undefined)[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function summarize(values: readonly number[]): Summary {
  return { values, median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** How far the values are apart: largest less smallest, as a share of the median. */
export function spread({ median, min, max }: Summary): number {
  return median === 0 ? 0 : (max - min) / Math.abs(median);
}

/** The rows of all samples, in the order in which their figures came first. */
export function compare(sides: readonly (readonly Sample[])[]): Comparison[] {
  const rows = new Map<string, Omit<Comparison, "sides"> & { values: number[][] }>();
  for (const [side, samples] of sides.entries()) {
    for (const { scenario, figures } of samples) {
      for (const { label, unit, value } of figures) {
        const name = JSON.stringify([scenario, label]);
        if (!rows.has(name)) {
          rows.set(name, { scenario, label, unit, values: sides.map(() => []) });
        }
        // What could not be measured, such as the CPU where there is no /proc, is no figure.
        if (Number.isFinite(value)) rows.get(name)!.values[side]!.push(value);
      }
    }
  }
  // A later run may have a figure that the first did not.
  return [...Map.groupBy(rows.values(), ({ scenario }) => scenario).values()].flat()
    .filter(({ values }) => values.some((of) => of.length > 0))
    .map(({ values, ...row }) => ({
      ...row,
      sides: values.map((of) => of.length > 0 ? summarize(of) : undefined),
    }));
}
