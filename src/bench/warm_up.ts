/**
 * When a pipeline is warm: V8 and the JVM have compiled what is hot, caches are full, the heaps have
 * their size. Then one slice of orders takes as much CPU an order as another.
 */

/** So many slices in a row have to agree. */
const AGREEING = 3;
const TOLERANCE = 0.1;
/** After so many slices it is measured as it is. */
export const MOST_SLICES = 8;

export interface SliceOfOrders {
  readonly orders: number;
  /** Orders a second; 0 as fast as it can. */
  readonly rate: number;
}

export interface WarmUp {
  /** CPU an order of each slice, µs. */
  readonly slices: readonly number[];
  /** How far the last slices are apart, as a share of the smallest; NaN before there are enough. */
  readonly difference: number;
  readonly steady: boolean;
}

/** How far the last slices are apart. */
export function judge(slices: readonly number[]): WarmUp {
  const last = slices.slice(-AGREEING);
  const difference = last.length < AGREEING ? NaN : Math.max(...last) / Math.min(...last) - 1;
  return { slices, difference, steady: difference <= TOLERANCE };
}

/** Runs slices until they agree, or there have been too many. */
export async function warmUp(slice: () => Promise<number>): Promise<WarmUp> {
  const slices: number[] = [];
  for (;;) {
    slices.push(await slice());
    const state = judge(slices);
    if (state.steady || slices.length === MOST_SLICES) return state;
  }
}

/** `3 slices: 410, 402, 399 µs an order, steady` */
export function warmUpText({ slices, difference, steady }: WarmUp): string {
  const percent = `${(100 * difference).toFixed(0)} %`;
  const figures = slices.map((value) => value.toFixed(0)).join(", ");
  return `${slices.length} slices: ${figures} µs CPU an order; the last ${AGREEING} ` +
    (steady ? `agree within ${percent}` : `still differ by ${percent}: not steady`);
}
