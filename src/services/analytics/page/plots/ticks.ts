/** The values at the left edge of a plot. */
import { formatDuration } from "../../../../runtime/format.ts";

export interface Ticks {
  /** How far two may be apart, in the plot's own unit. */
  readonly increments?: number[];
  readonly format: (value: number) => string;
  /** Where the axis ends while all values are 0, or there is none. */
  readonly leastMax: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Of milliseconds: at whole seconds and minutes, not at 1 min 40 s. */
export const DURATION_TICKS: Ticks = {
  increments: [
    ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
    ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
    ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
    ...[1, 2, 5, 10, 24, 48, 120, 240].map((n) => n * HOUR),
  ],
  format: formatDuration,
  leastMax: SECOND,
};
