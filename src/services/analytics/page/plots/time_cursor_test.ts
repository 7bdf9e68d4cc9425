import { assertEquals } from "@std/assert";
import { agoText, movedBy, windowAt } from "./time_cursor.ts";

const AXIS = { startsAtMs: 100_000, stepMs: 5_000, length: 20 };

Deno.test("windowAt: the window that holds the moment; beyond the ends, the nearest", () => {
  assertEquals(windowAt(AXIS, 100_000), 0);
  assertEquals(windowAt(AXIS, 104_999), 0);
  assertEquals(windowAt(AXIS, 105_000), 1);
  assertEquals(windowAt(AXIS, 0), 0);
  assertEquals(windowAt(AXIS, 999_999), 19);
  assertEquals(windowAt(AXIS, null), 19, "no cursor: the newest");
  assertEquals(windowAt({ ...AXIS, length: 0 }, 100_000), -1);
});

Deno.test("movedBy: keys move it by windows, and not beyond the ends", () => {
  const moved = (key: string, atMs: number | null) => {
    const to = movedBy(key, AXIS, atMs);
    return typeof to === "number" ? windowAt(AXIS, to) : to;
  };
  assertEquals(moved("ArrowLeft", 152_500), 9);
  assertEquals(moved("ArrowRight", 152_500), 11);
  assertEquals(moved("PageUp", 152_500), 0);
  assertEquals(moved("PageDown", 152_500), 19);
  assertEquals(moved("Home", 152_500), 0);
  assertEquals(moved("End", 152_500), 19);
  assertEquals(moved("ArrowLeft", null), 19, "the first step is onto the newest");
  assertEquals(moved("Escape", 152_500), null);
  assertEquals(moved("a", 152_500), undefined);
  assertEquals(movedBy("Home", { ...AXIS, length: 0 }, null), undefined);
});

Deno.test("agoText: minutes, hours and days before now", () => {
  const ago = (seconds: number) => agoText(1_000_000 - seconds, 1_000_000);
  assertEquals(
    [0, 300, 3_600, 5_400, 200_000].map(ago),
    ["now", "−5 min", "−1 h", "−1 h 30 min", "−2 days"],
  );
});
