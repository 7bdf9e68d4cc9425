import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LatencyHistogram } from "./histogram.ts";

const DAY_MS = 24 * 3_600_000;
const QUANTILES = [0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

function histogramOf(latencies: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const ms of latencies) histogram.add(ms);
  return histogram;
}

/** The nearest rank, by sorting. */
function exactly(latencies: readonly number[], q: number): number {
  const rank = Math.max(1, Math.ceil(q * latencies.length));
  return latencies.toSorted((a, b) => a - b)[rank - 1]!;
}

/** Small, middling and large latencies alike: uniform in their logarithm. */
const latency = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: 0, max: 10_000 }),
  fc.integer({ min: 0, max: 30 * DAY_MS }),
);

Deno.test("LatencyHistogram.quantile: at most 2 % from the nearest rank, exact below 32 ms", () => {
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), (latencies) => {
      const histogram = histogramOf(latencies);
      for (const q of QUANTILES) {
        const expected = exactly(latencies, q);
        const allowed = expected < 32 ? 0 : 0.02 * expected;
        const found = histogram.quantile(q);
        assert(Math.abs(found - expected) <= allowed, `q ${q}: ${found}, expected ${expected}`);
      }
    }),
  );
});

Deno.test("LatencyHistogram.quantile: every single value is at most 2 % off", () => {
  for (let ms = 0; ms < 100_000; ms = ms < 3_000 ? ms + 1 : Math.ceil(ms * 1.001)) {
    // Another, much longer one, so that the maximum does not correct it.
    const found = histogramOf([ms, 10 * DAY_MS]).quantile(0.5);
    assert(Math.abs(found - ms) <= 0.02 * ms, `${ms} came back as ${found}`);
  }
});

Deno.test("LatencyHistogram: what is merged, in any grouping and order, is as if added to one", () => {
  fc.assert(
    fc.property(fc.array(fc.array(latency), { maxLength: 5 }), (groups) => {
      const all = histogramOf(groups.flat().toReversed());
      const merged = new LatencyHistogram();
      for (const group of groups) merged.merge(histogramOf(group));
      assertEquals(
        [merged.count, merged.sumMs, merged.maxMs, ...QUANTILES.map((q) => merged.quantile(q))],
        [all.count, all.sumMs, all.maxMs, ...QUANTILES.map((q) => all.quantile(q))],
      );
    }),
  );
});

Deno.test("LatencyHistogram.atMost: nothing is missing that is 2 % shorter, nothing there that is 2 % longer", () => {
  const limitsMs = [1, 50, 1_000, 300_000, 10 * DAY_MS];
  fc.assert(
    fc.property(fc.array(latency, { maxLength: 300 }), (latencies) => {
      const histogram = histogramOf(latencies);
      assertEquals(histogram.sumMs, latencies.reduce((sum, ms) => sum + ms, 0));
      for (const [i, found] of histogram.atMost(limitsMs).entries()) {
        const count = (limit: number) => latencies.filter((ms) => ms <= limit).length;
        const [least, most] = [count(0.98 * limitsMs[i]!), count(1.02 * limitsMs[i]!)];
        assert(least <= found && found <= most, `${limitsMs[i]}: ${found} of ${latencies}`);
      }
    }),
  );
});

Deno.test("LatencyHistogram: empty, negative, no number, and beyond its range", () => {
  const empty = new LatencyHistogram();
  assertEquals([empty.count, empty.maxMs, empty.quantile(0.5)], [0, 0, 0]);

  const below = histogramOf([-5, NaN]);
  assertEquals([below.count, below.maxMs, below.quantile(1)], [2, 0, 0]);

  const beyond = histogramOf([5_000 * DAY_MS]);
  assertEquals([beyond.count, beyond.maxMs], [1, 5_000 * DAY_MS]);
  assert(beyond.quantile(0.5) > 29 * DAY_MS);

  beyond.clear();
  assertEquals([beyond.count, beyond.sumMs, beyond.maxMs, beyond.quantile(0.5)], [0, 0, 0, 0]);
});
