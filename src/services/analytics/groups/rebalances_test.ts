import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type GroupMemory, type GroupSample, observeGroup, type Rebalance } from "./rebalances.ts";

/** A group of which each member owns some partitions of orders.raw. */
function sample(state: string, members: Record<string, readonly number[]>): GroupSample {
  return {
    service: "validator",
    state,
    memberList: Object.entries(members).map(([name, partitions]) => ({
      memberId: `id of ${name}`,
      clientId: name,
      owned: partitions.map((partition) => ({ topic: "orders.raw", partition })),
    })),
  };
}

/** Samples half a second apart, and what was known after each. */
function observeAll(samples: readonly GroupSample[]): GroupMemory[] {
  const memories: GroupMemory[] = [];
  for (const [index, sample] of samples.entries()) {
    memories.push(observeGroup(memories.at(-1), sample, index * 500));
  }
  return memories;
}

const ALONE = sample("Stable", { a: [0, 1, 2, 3] });
const BOTH = sample("Stable", { a: [0, 2], b: [1, 3] });
const PREPARING = sample("PreparingRebalance", { a: [], b: [] });

const nothing = { joined: [], left: [], moved: 0 };

const table: { what: string; samples: GroupSample[]; expected: Partial<Rebalance> | undefined }[] =
  [
    { what: "the first sample shows no rebalance", samples: [ALONE], expected: undefined },
    { what: "nothing happens", samples: [ALONE, ALONE, ALONE], expected: undefined },
    {
      what: "it is running",
      samples: [ALONE, PREPARING, PREPARING],
      expected: { ...nothing, startedAtMs: 500, durationMs: 500, running: true, members: 2 },
    },
    {
      what: "a member joined",
      samples: [ALONE, PREPARING, PREPARING, BOTH, BOTH],
      expected: {
        startedAtMs: 500,
        durationMs: 1_000,
        running: false,
        joined: ["b"],
        left: [],
        moved: 2,
        members: 2,
      },
    },
    {
      what: "a member left",
      samples: [BOTH, PREPARING, ALONE],
      expected: {
        startedAtMs: 500,
        durationMs: 500,
        joined: [],
        left: ["b"],
        moved: 2,
        members: 1,
      },
    },
    {
      what: "between two samples",
      samples: [ALONE, BOTH],
      expected: { startedAtMs: 0, durationMs: 0, running: false, joined: ["b"], moved: 2 },
    },
    {
      what: "a member took another's place",
      samples: [ALONE, sample("Stable", { b: [0, 1, 2, 3] })],
      expected: { joined: ["b"], left: ["a"], moved: 4, members: 1 },
    },
    {
      what: "it ended as it began",
      samples: [ALONE, PREPARING, ALONE],
      expected: { ...nothing, durationMs: 500, running: false, members: 1 },
    },
    {
      what: "all left",
      samples: [ALONE, sample("Empty", {})],
      expected: { left: ["a"], moved: 4, members: 0, running: false },
    },
    {
      what: "watching began in the middle of one",
      samples: [PREPARING, PREPARING, ALONE],
      expected: { startedAtMs: 500, durationMs: 500, joined: ["a"], moved: 4, running: false },
    },
  ];

for (const { what, samples, expected } of table) {
  Deno.test(`observeGroup: ${what}`, () => {
    const { rebalance } = observeAll(samples).at(-1)!;
    const said = rebalance &&
      Object.fromEntries(
        Object.keys(expected ?? rebalance).map((key) => [key, rebalance[key as keyof Rebalance]]),
      );
    assertEquals(said, expected);
  });
}

Deno.test("observeGroup: since when a member is there; not known of those at the first sample", () => {
  const last = observeAll([ALONE, BOTH, PREPARING, BOTH]).at(-1)!;
  assertEquals([...last.sinceMs], [["id of a", null], ["id of b", 500]]);
  const returned = observeAll([BOTH, ALONE, BOTH]).at(-1)!;
  assertEquals(returned.sinceMs.get("id of b"), 1_000);
});

const anyLook = fc.record({
  state: fc.constantFrom("Stable", "PreparingRebalance", "CompletingRebalance"),
  owners: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 4, maxLength: 4 }),
}).map(({ state, owners }) => {
  const members: Record<string, number[]> = {};
  owners.forEach((name, partition) => (members[name] ??= []).push(partition));
  return sample(state, members);
});

Deno.test("observeGroup: those who joined and left lead from the first members to the last", () => {
  fc.assert(fc.property(fc.array(anyLook, { minLength: 1, maxLength: 30 }), (samples) => {
    const memories = observeAll([ALONE, ...samples, BOTH]);
    const rebalances = new Map<number, Rebalance>();
    for (const { rebalance } of memories) {
      if (rebalance) rebalances.set(rebalance.number, rebalance);
    }
    const members = new Set(["a"]);
    let endMs = 0;
    for (const { number, startedAtMs, durationMs, joined, left, running } of rebalances.values()) {
      for (const name of left) assert(members.delete(name), `${name} left and was not there`);
      for (const name of joined) members.add(name);
      assert(
        startedAtMs >= endMs - 500 && durationMs >= 0,
        `${number} begins before the last ended`,
      );
      endMs = startedAtMs + durationMs;
      assert(!running, `${number} never ended`);
    }
    assertEquals([...members].toSorted(), ["a", "b"]);
    assertEquals([...rebalances.keys()], Array.from(rebalances, (_, index) => index + 1));
  }));
});
