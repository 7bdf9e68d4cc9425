import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TumblingWindows } from "./windows.ts";

const WIDTH_MS = 10;
const CAPACITY = 5;

function countingWindows() {
  const windows = new TumblingWindows(WIDTH_MS, CAPACITY, () => ({ n: 0 }), (value) => value.n = 0);
  const count = (atMs: number) => {
    const value = windows.at(atMs);
    if (value) value.n++;
    return value !== undefined;
  };
  const counts = (newestMs: number) => {
    const { startsAtMs, values } = windows.upTo(newestMs);
    return { startsAtMs, values: values.map((value) => value?.n ?? 0) };
  };
  return { count, counts };
}

/** Times on both sides of 1970, close enough for laps and gaps. */
const times = fc.array(fc.integer({ min: -150, max: 150 }), { minLength: 1, maxLength: 60 });

Deno.test("TumblingWindows: up to the newest time, the counts are those of the times, in whatever order", () => {
  fc.assert(
    fc.property(times, (times) => {
      const { count, counts } = countingWindows();
      times.forEach(count);
      const newestMs = Math.max(...times);
      const { startsAtMs, values } = counts(newestMs);
      for (const [index, found] of values.entries()) {
        const from = startsAtMs + index * WIDTH_MS;
        const expected = times.filter((ms) => ms >= from && ms < from + WIDTH_MS).length;
        assertEquals(found, expected);
      }
      const kept = times.filter((ms) =>
        Math.floor(ms / WIDTH_MS) > Math.floor(newestMs / WIDTH_MS) - CAPACITY
      );
      assertEquals(values.reduce((a, b) => a + b), kept.length);
    }),
  );
});

Deno.test("TumblingWindows.at: a window whose slot a later lap has reused is gone", () => {
  const { count, counts } = countingWindows();
  assertEquals(count(5), true);
  assertEquals(count(5 + WIDTH_MS * CAPACITY), true);
  assertEquals(count(5), false);
  assertEquals(counts(55), { startsAtMs: 50, values: [1] });
});

Deno.test("TumblingWindows.at: no time has no window", () => {
  assertEquals(countingWindows().count(NaN), false);
});

Deno.test("TumblingWindows.upTo: gaps count nothing, and windows run out while nothing happens", () => {
  const { count, counts } = countingWindows();
  [1, 2, 31].forEach(count);
  assertEquals(counts(31), { startsAtMs: 0, values: [2, 0, 0, 1] });
  assertEquals(counts(59), { startsAtMs: 30, values: [1, 0, 0] });
  assertEquals(counts(99).values, []);
});
