import { assert, assertEquals } from "@std/assert";
import { DrainTime } from "./drain.ts";

/** What the last of these lags says, half a second apart. */
function drainOf(messages: readonly number[], ms = 10_000) {
  const drain = new DrainTime();
  return messages.map((messages, index) =>
    drain.observe(500 * index, { messages, ms: messages === 0 ? 0 : ms, atLeast: false })
  ).at(-1)!;
}

const seconds = (count: number) => Array.from({ length: 2 * count }, (_, index) => index / 2);

Deno.test("DrainTime: a lag that shrinks is gone at the rate of the last seconds", () => {
  const { state, ms } = drainOf(seconds(30).map((s) => 10_000 - 100 * s));
  assertEquals(state, "shrinks");
  assert(Math.abs(ms! - 70_500) < 1, `${ms}`);
});

Deno.test("DrainTime: commits in steps do not change it much", () => {
  const { state, ms } = drainOf(seconds(30).map((s) => 10_000 - 300 * Math.floor(s / 3)));
  assertEquals(state, "shrinks");
  assert(ms! > 50_000 && ms! < 100_000, `${ms}`);
});

Deno.test("DrainTime: a lag that grew before and shrinks now, shrinks", () => {
  const up = seconds(60).map((s) => 100 * s);
  assertEquals(drainOf([...up, ...seconds(12).map((s) => 6_000 - 100 * s)]).state, "shrinks");
});

Deno.test("DrainTime: a lag that grows, or stays, has no end", () => {
  assertEquals(drainOf(seconds(20).map((s) => 100 * s + 1)), { state: "grows", ms: null });
  assertEquals(drainOf(seconds(20).map(() => 100)), { state: "grows", ms: null });
});

Deno.test("DrainTime: what waits for less than two seconds is on its way", () => {
  assertEquals(drainOf(seconds(20).map((s) => 100 + s), 900).state, "keeps up");
});

Deno.test("DrainTime: nothing waits; and nothing is known after a second", () => {
  assertEquals(drainOf([5, 0]).state, "caught up");
  assertEquals(drainOf([5, 4]).state, "unknown");
});
