import { assertEquals } from "@std/assert";
import { longestAround, observePause, type PauseMemory } from "./stalls.ts";

/** Looks half a second apart: committed offset and lag. */
function observeAll(looks: readonly (readonly [committed: number, lagMessages: number])[]) {
  let memory: PauseMemory | undefined;
  for (const [index, [committed, lagMessages]] of looks.entries()) {
    memory = observePause(memory, { committed, lagMessages }, index * 500);
  }
  return { pausedMs: memory!.pausedMs, longestPauseMs: memory!.longestPauseMs };
}

const table = [
  { what: "nothing to read", looks: [[5, 0], [5, 0]], paused: 0, longest: 0 },
  { what: "it moves", looks: [[1, 9], [2, 9], [3, 9]], paused: 0, longest: 0 },
  { what: "it stands still", looks: [[1, 9], [1, 9], [1, 12]], paused: 1_000, longest: 1_000 },
  { what: "it moved on", looks: [[1, 9], [1, 9], [1, 9], [4, 6]], paused: 0, longest: 1_000 },
  {
    what: "the longest stays",
    looks: [[1, 9], [1, 9], [1, 9], [4, 6], [4, 6], [9, 1]],
    paused: 0,
    longest: 1_000,
  },
  {
    what: "there was nothing to read for long, and then there is",
    looks: [[5, 0], [5, 0], [5, 0], [5, 1]],
    paused: 0,
    longest: 0,
  },
  {
    what: "what it stood still for was read by another way (a log made anew)",
    looks: [[5, 3], [5, 3], [0, 0]],
    paused: 0,
    longest: 500,
  },
] as const;

for (const { what, looks, paused, longest } of table) {
  Deno.test(`observePause: ${what}`, () =>
    assertEquals(observeAll(looks), { pausedMs: paused, longestPauseMs: longest }));
}

Deno.test("longestAround: of those that began before the end; the longest so far stays", () => {
  const pauses = [
    { sinceMs: 100, pausedMs: 900 },
    { sinceMs: 700, pausedMs: 300 },
    { sinceMs: 2_500, pausedMs: 5_000 },
    { sinceMs: null, pausedMs: 0 },
  ];
  assertEquals(longestAround(null, pauses, 2_000), { sinceMs: 100, ms: 900 });
  const longer = { sinceMs: 50, ms: 1_500 };
  assertEquals(longestAround(longer, pauses, 2_000), longer);
  assertEquals(longestAround(null, [], 2_000), null);
});
