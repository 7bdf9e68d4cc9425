import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  EndHistory,
  formatWait,
  longestAround,
  observeStall,
  type StallMemory,
  worst,
} from "./lag.ts";

Deno.test("EndHistory.lag: since when the log reached beyond the offset", () => {
  const history = new EndHistory();
  [10, 10, 25, 40, 40].forEach((end, second) => history.note("p", second * 1_000, end));
  const lag = (committed: number) => history.lag("p", 4_000, committed, 40 - committed);
  assertEquals(lag(40), { messages: 0, ms: 0, atLeast: false });
  assertEquals(lag(39), { messages: 1, ms: 1_000, atLeast: false });
  assertEquals(lag(25), { messages: 15, ms: 1_000, atLeast: false });
  assertEquals(lag(24), { messages: 16, ms: 2_000, atLeast: false });
  assertEquals(lag(10), { messages: 30, ms: 2_000, atLeast: false });
  assertEquals(
    lag(9),
    { messages: 31, ms: 4_000, atLeast: true },
    "it was there at the first sample",
  );
});

Deno.test("EndHistory.lag: nothing that waits, and a partition without samples, have no age", () => {
  const history = new EndHistory();
  assertEquals(history.lag("p", 9_000, 3, 2), { messages: 2, ms: 0, atLeast: true });
  history.note("p", 0, 5);
  assertEquals(history.lag("p", 9_000, 3, 0), { messages: 0, ms: 0, atLeast: false });
});

Deno.test("EndHistory: a log that was made anew begins anew", () => {
  const history = new EndHistory();
  history.note("p", 0, 100);
  history.note("p", 1_000, 3);
  assertEquals(history.lag("p", 2_000, 0, 3), { messages: 3, ms: 1_000, atLeast: true });
});

Deno.test("observeStall: the longest stall has its span of time", () => {
  const samples = [[0, 5], [0, 5], [0, 5], [5, 5], [5, 5], [9, 0]];
  let memory: StallMemory | undefined;
  samples.forEach(([committed, lagMessages], index) => {
    memory = observeStall(
      memory,
      { committed: committed!, lagMessages: lagMessages! },
      1_000 * index,
    );
  });
  assertEquals(memory!.longestStallMs, 2_000);
  assertEquals(memory!.longestStallSinceMs, 0, "not the later, shorter one");
});

Deno.test("EndHistory.lag: within ten minutes, as a search through all samples says", () => {
  const growth = fc.array(fc.nat(5), { minLength: 1, maxLength: 200 });
  fc.assert(fc.property(growth, fc.nat(1_000), (growth, share) => {
    const history = new EndHistory();
    const samples = growth.map((_, index) => ({
      atMs: index * 1_000,
      end: growth.slice(0, index + 1).reduce((a, b) => a + b, 0),
    }));
    for (const { atMs, end } of samples) history.note("p", atMs, end);
    const { atMs: nowMs, end } = samples.at(-1)!;
    const committed = Math.floor(end * share / 1_001);
    if (committed >= end) return;
    const first = samples.findIndex((sample) => sample.end > committed);
    assertEquals(history.lag("p", nowMs, committed, end - committed), {
      messages: end - committed,
      ms: nowMs - samples[first]!.atMs,
      atLeast: first === 0,
    });
  }));
});

Deno.test("EndHistory.lag: what is older than its ten minutes is at least so old", () => {
  const history = new EndHistory();
  for (let second = 0; second <= 3_600; second++) history.note("p", second * 1_000, second);
  const { ms, atLeast } = history.lag("p", 3_600_000, 0, 3_600);
  assert(ms >= 600_000 && ms <= 602_000, `${ms}`);
  assertEquals(atLeast, true);
  assertEquals(history.lag("p", 3_600_000, 3_500, 100).ms, 99_000);
});

Deno.test("worst: adds up messages; the longest wait says whether it is at least so long", () => {
  assertEquals(
    worst([
      { messages: 2, ms: 500, atLeast: true },
      { messages: 3, ms: 900, atLeast: false },
      { messages: 0, ms: 0, atLeast: false },
    ]),
    { messages: 5, ms: 900, atLeast: false },
  );
  assertEquals(worst([]), { messages: 0, ms: 0, atLeast: false });
});

/** Samples half a second apart: committed offset and lag. */
function observeAll(samples: readonly (readonly [committed: number, lagMessages: number])[]) {
  let memory: StallMemory | undefined;
  for (const [index, [committed, lagMessages]] of samples.entries()) {
    memory = observeStall(memory, { committed, lagMessages }, index * 500);
  }
  return { stalledMs: memory!.stalledMs, longestStallMs: memory!.longestStallMs };
}

const table = [
  { what: "nothing to read", samples: [[5, 0], [5, 0]], stalled: 0, longest: 0 },
  { what: "it moves", samples: [[1, 9], [2, 9], [3, 9]], stalled: 0, longest: 0 },
  { what: "it is stalled", samples: [[1, 9], [1, 9], [1, 12]], stalled: 1_000, longest: 1_000 },
  { what: "it moved on", samples: [[1, 9], [1, 9], [1, 9], [4, 6]], stalled: 0, longest: 1_000 },
  {
    what: "the longest stays",
    samples: [[1, 9], [1, 9], [1, 9], [4, 6], [4, 6], [9, 1]],
    stalled: 0,
    longest: 1_000,
  },
  {
    what: "there was nothing to read for long, and then there is",
    samples: [[5, 0], [5, 0], [5, 0], [5, 1]],
    stalled: 0,
    longest: 0,
  },
  {
    what: "the log was made anew while it was stalled",
    samples: [[5, 3], [5, 3], [0, 0]],
    stalled: 0,
    longest: 500,
  },
] as const;

for (const { what, samples, stalled, longest } of table) {
  Deno.test(`observeStall: ${what}`, () =>
    assertEquals(observeAll(samples), { stalledMs: stalled, longestStallMs: longest }));
}

Deno.test("longestAround: of those that began before the end; the longest so far stays", () => {
  const stalls = [
    { sinceMs: 100, stalledMs: 900 },
    { sinceMs: 700, stalledMs: 300 },
    { sinceMs: 2_500, stalledMs: 5_000 },
    { sinceMs: null, stalledMs: 0 },
  ];
  assertEquals(longestAround(null, stalls, 2_000), { sinceMs: 100, ms: 900 });
  const longer = { sinceMs: 50, ms: 1_500 };
  assertEquals(longestAround(longer, stalls, 2_000), longer);
  assertEquals(longestAround(null, [], 2_000), null);
});

Deno.test("formatWait: samples are half a second apart; what is older than the history is at least", () => {
  const wait = (ms: number, atLeast = false) => formatWait({ messages: 1, ms, atLeast });
  assertEquals([wait(400), wait(12_000), wait(12_000, true)], ["< 1 s", "12 s", "≥ 12 s"]);
});
