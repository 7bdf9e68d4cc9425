/** Orders, their latency and their value over time, by the times inside the events. */
import { LatencyHistogram } from "../histogram.ts";
import { RangedWindows, type RangeName, type Track } from "./ranges.ts";

const COUNTS = ["placed", "validated", "settled", "confirmed", "cancelled", "rejected"] as const;
type CountName = typeof COUNTS[number];

/** The most currencies that have a plot, those of the most confirmed value. */
export const MAX_CURRENCIES = 3;

/**
 * An order that its shop says it placed longer ago is not plotted as placed: the time comes from
 * outside, and a wrong one would stretch the range `all` back to it.
 */
const PLACED_WITHIN_MS = 6 * 3_600_000;

interface OrderWindow {
  readonly counts: Record<CountName, number>;
  readonly latency: LatencyHistogram;
  readonly confirmedCents: Map<string, number>;
}

const zero = () => ({
  placed: 0,
  validated: 0,
  settled: 0,
  confirmed: 0,
  cancelled: 0,
  rejected: 0,
});

export class OrderTrends {
  readonly #windows = new RangedWindows<OrderWindow>(
    () => ({ counts: zero(), latency: new LatencyHistogram(), confirmedCents: new Map() }),
    ({ counts, latency, confirmedCents }) => {
      Object.assign(counts, zero());
      latency.clear();
      confirmedCents.clear();
    },
    (into, from) => {
      for (const name of COUNTS) into.counts[name] += from.counts[name];
      into.latency.merge(from.latency);
      for (const [currency, cents] of from.confirmedCents) addTo(into, currency, cents);
    },
  );

  placed(placedAtMs: number, occurredAtMs: number): void {
    if (!(occurredAtMs - placedAtMs <= PLACED_WITHIN_MS)) return;
    this.#windows.count(placedAtMs, ({ counts }) => counts.placed++);
  }

  validated(atMs: number): void {
    this.#windows.count(atMs, ({ counts }) => counts.validated++);
  }

  settled(outcome: "confirmed" | "cancelled" | "rejected", atMs: number, latencyMs: number): void {
    this.#windows.count(atMs, ({ counts, latency }) => {
      counts.settled++;
      counts[outcome]++;
      latency.add(latencyMs);
    });
  }

  confirmed(atMs: number, currency: string, cents: number): void {
    this.#windows.count(atMs, (window) => addTo(window, currency, cents));
  }

  /** @param currencies whose value has a column, the first few of them */
  tracks(nowMs: number, currencies: readonly string[]): Record<RangeName, Track> {
    return this.#windows.tracks(nowMs, (windows, stepMs) => ({
      ...Object.fromEntries(
        COUNTS.map((name) => [
          name,
          windows.map((window) => rounded((window?.counts[name] ?? 0) * 1_000 / stepMs)),
        ]),
      ),
      ...latencyColumns(windows),
      ...Object.fromEntries(
        currencies.slice(0, MAX_CURRENCIES).map((currency) => [
          `${currency}/min`,
          windows.map((window) =>
            rounded((window?.confirmedCents.get(currency) ?? 0) / 100 * 60_000 / stepMs)
          ),
        ]),
      ),
    }));
  }
}

function latencyColumns(windows: readonly (OrderWindow | undefined)[]) {
  const quantile = (q: number) =>
    windows.map((window) =>
      window && window.latency.count > 0 ? Math.round(window.latency.quantile(q)) : null
    );
  return { p50Ms: quantile(0.5), p95Ms: quantile(0.95), p99Ms: quantile(0.99) };
}

function addTo({ confirmedCents }: OrderWindow, currency: string, cents: number): void {
  const sum = (confirmedCents.get(currency) ?? 0) + cents;
  confirmedCents.set(currency, Math.min(sum, Number.MAX_SAFE_INTEGER));
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
