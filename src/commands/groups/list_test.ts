import { assertEquals } from "@std/assert";
import { type Group, groupLines, type PartitionState, ranges } from "./list.ts";

function groupOf(lags: readonly number[], lost: readonly number[] = []): Group {
  const owner = { clientId: "validator-1", address: "10.0.0.1" };
  const partitions = lags.map((lag, partition): PartitionState => ({
    topic: "orders.raw",
    partition,
    committed: 1_000 - lag,
    end: 1_000,
    lag,
    lost: lost[partition] ?? 0,
    owner,
  }));
  return {
    service: "validator",
    group: "validator",
    state: "Stable",
    lagMessages: lags.reduce((sum, lag) => sum + lag, 0),
    members: [{
      ...owner,
      partitions: { "orders.raw": partitions.map(({ partition }) => partition) },
      subscription: ["orders.raw"],
      isForeign: false,
    }],
    partitions,
  };
}

/** Of 200 partitions numbers 150 to 169 are behind, and 3. */
const LAGS = Array.from({ length: 200 }, (_, n) => n >= 150 && n < 170 ? 100 + n : n === 3 ? 7 : 0);
const numbers = (lines: readonly string[]) =>
  lines.flatMap((line) => /orders\.raw\/(\d+)/.exec(line)?.slice(1).map(Number) ?? []);

Deno.test("groups: of many partitions those that are furthest behind, in their order", () => {
  const lines = groupLines(groupOf(LAGS), "worst");
  assertEquals(lines[1], "  10.0.0.1 validator-1: orders.raw 0-199");
  assertEquals(numbers(lines), Array.from({ length: 20 }, (_, n) => 150 + n));
  assertEquals(lines.at(-1), "  and 180 partitions more, each at most 7 behind: --all shows them");
  const calm = groupLines(groupOf(Array(200).fill(0)), "worst");
  assertEquals(calm.at(-1), "  and 180 partitions more, none behind: --all shows them");
});

Deno.test("groups: what lost records comes first, and is shown of every group", () => {
  const lost = LAGS.map((_, n) => n === 42 ? 5 : 0);
  assertEquals(numbers(groupLines(groupOf(LAGS, lost), "worst")).slice(0, 2), [42, 151]);
  assertEquals(numbers(groupLines(groupOf(LAGS, lost), "lost")), [42]);
  assertEquals(
    groupLines(groupOf(LAGS, LAGS.map(() => 2)), "lost").at(-1)!.includes("2 lost"),
    true,
  );
});

Deno.test("groups: all of them, when asked, or when they are few", () => {
  assertEquals(numbers(groupLines(groupOf(LAGS), "all")).length, 200);
  const few = groupLines(groupOf([0, 1, 0]), "worst");
  assertEquals(numbers(few), [0, 1, 2]);
  assertEquals(few.length, 6);
});

Deno.test("ranges: three in a row and more", () => {
  assertEquals(ranges([9, 6, 7, 8, 1, 2, 11]), "1,2,6-9,11");
  assertEquals(ranges([]), "");
});
