import { assertEquals } from "@std/assert";
import { lagMessagesOf, positionsIn } from "./group_lag.ts";

Deno.test("lagMessagesOf: from the committed offset, or the beginning, to the end", () => {
  const log = (first: number, end: number) => new Map([[0, { first, end }]]);
  const table: { ends: ReturnType<typeof log>; committed?: number; lag: number; what: string }[] = [
    { ends: log(0, 10), committed: 4, lag: 6, what: "behind" },
    { ends: log(0, 10), committed: 10, lag: 0, what: "nothing left" },
    { ends: log(3, 10), lag: 7, what: "nothing committed: all that is there" },
    { ends: log(3, 10), committed: -1, lag: 7, what: "Kafka's word for nothing committed" },
    { ends: log(8, 10), committed: 4, lag: 2, what: "what retention deleted waits for nobody" },
    { ends: log(0, 4), committed: 10, lag: 0, what: "a log that was made anew" },
  ];
  for (const { ends, committed, lag, what } of table) {
    const offsets = committed === undefined ? undefined : new Map([[0, committed]]);
    assertEquals(lagMessagesOf(positionsIn("orders.raw", ends, offsets)), lag, what);
  }
});

Deno.test("lagMessagesOf: adds up the partitions", () => {
  const ends = new Map([[0, { first: 0, end: 5 }], [1, { first: 0, end: 7 }]]);
  const committed = new Map([[0, 5], [1, 4]]);
  assertEquals(lagMessagesOf(positionsIn("orders.raw", ends, committed)), 3);
});
